"""Telling "this mode is not defined here" from "it failed"."""

from __future__ import annotations

from conv_reference.verification.frameworks.mistakes import is_mistake
from conv_reference.verification.target.answers import message_of

# What torch raises for a custom Function without a rule for the mode that is requested, or of
# an operator that a dtype or backend lacks. Matched in lower case.
_PHRASES = (
    "once_differentiable",
    "twice a function that was marked",
    "not implemented for",
    "is not implemented",
    "not yet implemented",
    "not currently implemented",
    "unsupported dtype",
    "unsupported scalartype",
    "dtypes not supported",
    "does not have vmap support",
    "does not have a batching rule",
    "batching rule not implemented",
    "it must override the setup_context",
    "override the setup_context staticmethod",
    "you must implement the jvp function",
    "no autograd formula was registered",
    "you must implement either the backward or vjp",
    "does not support forward mode",
    "forward ad with",
    "does not support it because it has not been implemented",
    "generate_vmap_rule",
    "nyi: querying is_contiguous inside of vmap",
    "inside vmap is only supported with",
    # A layer that counts its calls, for example, in a buffer.
    "would mutate a captured tensor",
    # An accumulator that is not mapped over cannot take what is: the function cannot be mapped.
    "vmap: inplace arithmetic",
    # Control flow that follows a number in the tensor.
    "vmap: it looks like you're",
    # Code outside torch (numpy, ctypes, a kernel of its own) met a tensor of a transform.
    "cannot access data pointer of tensor that doesn't have storage",
    "cannot access storage of",
    "not supported by autograd",
    # torch.func inside the target, under torch.utils.checkpoint or whoever packs saved tensors.
    "don't yet support saved tensor hooks",
)
# What torch raises where nobody can differentiate further; and to code that forgot to request it.
_NO_GRAPH = "does not require grad and does not have a grad_fn"


def is_unsupported(error: BaseException, *, own: bool = False) -> bool:
    """Whether the error declares that the target does not define this, rather than that it failed.

    Args:
        error: what was thrown.
        own: whether it was thrown under the target's own code.
    """
    if isinstance(error, NotImplementedError):
        return True
    if is_mistake(error):
        return False
    text = message_of(error).lower()
    phrases = _PHRASES if own else (*_PHRASES, _NO_GRAPH)
    return isinstance(error, RuntimeError | TypeError) and any(p in text for p in phrases)
