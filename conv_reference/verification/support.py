"""Telling "this mode is not defined here" from "it failed"."""

from __future__ import annotations

# What torch says of a custom Function without a rule for the mode that it is asked for, or of
# an operator that a dtype or backend lacks. Matched in lower case.
_PHRASES = (
    "once_differentiable",
    "twice a function that was marked",
    "not implemented for",
    "is not implemented",
    "not yet implemented",
    "not currently implemented",
    "unsupported dtype",
    "dtypes not supported",
    "does not have vmap support",
    "does not have a batching rule",
    "batching rule not implemented",
    "it must override the setup_context",
    "override the setup_context staticmethod",
    "you must implement the jvp function",
    "you must implement either the backward or vjp",
    "does not support forward mode",
    "forward ad with",
    "does not support it because it has not been implemented",
    "generate_vmap_rule",
    "nyi: querying is_contiguous inside of vmap",
    # An accumulator that is not mapped over cannot take what is: the function cannot be mapped.
    "vmap: inplace arithmetic",
    # Control flow that follows a number in the tensor.
    "vmap: it looks like you're",
    # Code outside torch (numpy, ctypes, a kernel of its own) met a tensor of a transform.
    "cannot access data pointer of tensor that doesn't have storage",
    "cannot access storage of",
    "not supported by autograd",
    "does not require grad and does not have a grad_fn",
)


def is_unsupported(error: BaseException) -> bool:
    """Whether the error says that the target does not define this, rather than that it failed."""
    if isinstance(error, NotImplementedError):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(phrase in text for phrase in _PHRASES)
