"""Whether what a target threw is a refusal on purpose: a limitation that its code declares."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from conv_reference.verification.frameworks.mistakes import is_mistake
from conv_reference.verification.model.case import Layout
from conv_reference.verification.target.purpose import (
    declares_a_limit,
    is_on_purpose,
    place_of,
)
from conv_reference.verification.target.strangers.numpy_arrays import listening
from conv_reference.verification.target.target import Call
from conv_reference.verification.trial.listening import Listening
from conv_reference.verification.trial.trial import TargetRaised, Trial

# What shows a tensor's numbers in another way, and computes none.
_VIEWS = frozenset(
    ("detach", "alias", "view", "permute", "expand", "unsqueeze", "squeeze", "transpose", "t",
     "select", "slice", "as_strided", "_unsafe_view", "_reshape_alias")
)  # fmt: skip
_COPIES = frozenset(("clone", "_to_copy", "contiguous"))


def is_refusal(trial: Trial, raised: TargetRaised) -> bool:
    """Whether a `raise` or an `assert` of the target's own threw it, and no fault made it do so.

    Its words may declare what is not done. Of others it counts whether anything was computed
    before: what is raised in the midst of that may be a consistency check that failed. Whether
    something was computed is watched as the call that threw is made once more: it may be of another
    size than the case, which the target answers. A backward pass is handed a G that lies as the
    case says, and no other: what was seen to refuse a layout of G does so in every check.

    Args:
        trial: that threw.
        raised: what it threw.
    """
    if trial.strict or is_mistake(raised.error):
        return False
    if trial.target.offer is not None and isinstance(raised.error, NotImplementedError):
        return True  # that is an adapter's word, wherever it is raised
    if not (isinstance(raised.error, Exception | SystemExit) and is_on_purpose(raised.error)):
        return False
    if declares_a_limit(raised.error) or place_of(raised.error) in trial.refused_at:
        return True
    return not _computes(trial, _thrown_by(raised.error))


def fails_by_word(trial: Trial, raised: TargetRaised) -> bool:
    """Whether a NotImplementedError of the target's own is a failure, as each refusal then is.

    Not so an adapter's, by which it says what its framework does not offer, nor torch's.

    Args:
        trial: that threw.
        raised: what it threw.
    """
    is_word = isinstance(raised.error, NotImplementedError) and trial.target.offer is None
    return trial.strict and is_word and is_on_purpose(raised.error)


class _Listener(Listening):
    """Notes whether anything is computed of what a call is given.

    A layer that is made in the call draws its kernel, which is no part of the answer.
    """

    def __init__(self, given: Iterable[Tensor | None]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch's constructor is untyped
        self.computed = False
        self._given = [tensor for tensor in given if tensor is not None]

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.__name__.partition(".")[0]
        answer = func(*args, **(kwargs or {}))
        if name not in _VIEWS and self._is_given_to((args, kwargs)):
            if name in _COPIES:
                self._given += [t for t in tree_leaves(answer) if isinstance(t, Tensor)]
            else:
                self.computed = True
        return answer

    def _is_given_to(self, arguments: Any) -> bool:
        own = {*map(_memory, self._given)}
        tensors = (t for t in tree_leaves(arguments) if isinstance(t, Tensor))
        return any(_memory(tensor) in own for tensor in tensors)


def _memory(tensor: Tensor) -> int:
    """Where its numbers lie; 0 of what has no memory of its own, as in a transform."""
    try:
        return tensor.untyped_storage().data_ptr()
    except (NotImplementedError, RuntimeError):
        return 0


def _thrown_by(error: BaseException) -> Call | None:
    """The call that threw; None where that was while it was prepared, or in a backward pass."""
    frames = (frame for frame, _ in traceback.walk_tb(error.__traceback__))
    made = (f.f_locals["self"] for f in frames if f.f_code is Call.forward.__code__)
    return next(made, None)


def _computes(trial: Trial, thrown_by: Call | None) -> bool:
    """Whether the target computes anything before it throws."""
    with suppress(TargetRaised):
        call = thrown_by or trial.call()
        computed, Y = _watched((call.X, call.K, call.b), call.forward)
        # A contiguous G is what every backward pass is for: who throws there has computed Y.
        is_laid_out = trial.case.grad_output_layout != Layout.CONTIGUOUS
        if (
            thrown_by is None
            and is_laid_out
            and isinstance(Y, Tensor)
            and Y.requires_grad
            and Y.shape == call.G.shape
        ):
            back = partial(torch.autograd.grad, Y, [*call.leaves.values()], call.G.to(Y.dtype))
            of_backward, gradients = _watched((call.X, call.K, call.b, call.G), back)
            return computed if gradients is not None else of_backward
        return computed
    return False


def _watched(given: Iterable[Tensor | None], run: Callable[[], Any]) -> tuple[bool, Any]:
    """Whether anything is computed of what is given, and what that comes to; None if it raises."""
    listener, answer = _Listener(given), None
    with suppress(Exception, SystemExit), listening() as arrays, listener:
        answer = run()
    return listener.computed or arrays.anything, answer
