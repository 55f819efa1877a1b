"""Whether what a target threw is a refusal on purpose: a limitation that its code declares."""

from __future__ import annotations

import dis
import sysconfig
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import torch

from conv_reference.verification.trial.listening import Listening
from conv_reference.verification.trial.trial import TargetRaised, Trial

_OURS = Path(__file__).parents[2]
_NOT_THE_TARGETS = (
    Path(torch.__file__).parent,
    Path(sysconfig.get_path("stdlib")),
    _OURS,
)
# What shows a tensor's numbers in another way, and computes none.
_VIEWS = frozenset(
    ("detach", "alias", "view", "permute", "expand", "unsqueeze", "squeeze", "transpose", "t",
     "select", "slice", "as_strided", "_unsafe_view", "_reshape_alias")
)  # fmt: skip


def is_refusal(trial: Trial, raised: TargetRaised) -> bool:
    """Whether a `raise` or an `assert` of the target's own threw it before anything was computed.

    What is raised in the midst of computing may be a consistency check that failed, and so a
    fault. Whether something was computed is watched in one more call.

    Args:
        trial: that threw.
        raised: what it threw.
    """
    meant = isinstance(raised.error, Exception) and is_on_purpose(raised.error)
    return meant and not trial.strict and not _computes(trial)


def is_on_purpose(error: BaseException) -> bool:
    """Whether a statement of the target's own is where it comes from."""
    last = error.__traceback__
    if last is None:
        return False
    while last.tb_next is not None:
        last = last.tb_next
    return _is_raise(last) and _is_the_targets(Path(last.tb_frame.f_code.co_filename))


def _is_raise(traceback: TracebackType) -> bool:
    code = traceback.tb_frame.f_code.co_code
    return 0 <= traceback.tb_lasti < len(code) and (
        dis.opname[code[traceback.tb_lasti]] == "RAISE_VARARGS"
    )


def _is_the_targets(path: Path) -> bool:
    installed = path.parts.count("site-packages")
    return not any(
        path.is_relative_to(place) and installed == place.parts.count("site-packages")
        for place in _NOT_THE_TARGETS
    )


class _Listener(Listening):
    """Notes whether anything is computed."""

    computed = False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func.__name__.partition(".")[0] not in _VIEWS:
            self.computed = True
        return func(*args, **(kwargs or {}))


def _computes(trial: Trial) -> bool:
    """Whether the target computes anything before it throws."""
    listener = _Listener()  # type: ignore[no-untyped-call]  # torch's constructor is untyped
    with suppress(TargetRaised):
        call = trial.call()
        with suppress(Exception), listener:
            call.forward()
    return listener.computed
