"""Whether what a target threw is a refusal on purpose: a limitation that its code declares."""

from __future__ import annotations

import traceback
from contextlib import suppress
from typing import Any

from conv_reference.verification.target.purpose import is_on_purpose
from conv_reference.verification.target.strangers.numpy_arrays import listening
from conv_reference.verification.target.target import Call
from conv_reference.verification.trial.listening import Listening
from conv_reference.verification.trial.trial import TargetRaised, Trial

# What shows a tensor's numbers in another way, and computes none.
_VIEWS = frozenset(
    ("detach", "alias", "view", "permute", "expand", "unsqueeze", "squeeze", "transpose", "t",
     "select", "slice", "as_strided", "_unsafe_view", "_reshape_alias")
)  # fmt: skip


def is_refusal(trial: Trial, raised: TargetRaised) -> bool:
    """Whether a `raise` or an `assert` of the target's own threw it before anything was computed.

    What is raised in the midst of computing may be a consistency check that failed, and so a
    fault. Whether something was computed is watched as the call that threw is made once more: it
    may be of another size than the case, which the target answers.

    Args:
        trial: that threw.
        raised: what it threw.
    """
    meant = isinstance(raised.error, Exception | SystemExit) and is_on_purpose(raised.error)
    return meant and not trial.strict and not _computes(trial, _thrown_by(raised.error))


class _Listener(Listening):
    """Notes whether anything is computed."""

    computed = False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func.__name__.partition(".")[0] not in _VIEWS:
            self.computed = True
        return func(*args, **(kwargs or {}))


def _thrown_by(error: BaseException) -> Call | None:
    """The call that threw; None where that was while it was prepared, or in a backward pass."""
    frames = (frame for frame, _ in traceback.walk_tb(error.__traceback__))
    made = (f.f_locals["self"] for f in frames if f.f_code is Call.forward.__code__)
    return next(made, None)


def _computes(trial: Trial, thrown_by: Call | None) -> bool:
    """Whether the target computes anything before it throws."""
    listener = _Listener()  # type: ignore[no-untyped-call]  # torch's constructor is untyped
    with suppress(TargetRaised):
        call = thrown_by or trial.call()
        with suppress(Exception, SystemExit), listening() as arrays, listener:
            call.forward()
        return listener.computed or arrays.anything
    return listener.computed
