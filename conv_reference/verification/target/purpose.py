"""Whether an exception is meant: a ``raise``, ``assert`` or ``exit`` of the target's own."""

from __future__ import annotations

import dis
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import torch

_INSTALLED = "site-packages"
_OURS = Path(__file__).parents[2]
_NOT_THE_TARGETS = (
    Path(torch.__file__).parent,
    Path(sysconfig.get_path("stdlib")),
    _OURS,
)


def is_on_purpose(error: BaseException) -> bool:
    """Whether a statement of the target's own is where it comes from.

    What an installed library throws at somebody's file is not that file's: it is numpy, say, that
    was given arrays which do not fit. That something is not implemented is a refusal there, too.
    """
    steps = [*_steps(error.__traceback__)]
    places = [Path(step.tb_frame.f_code.co_filename) for step in steps]
    own = [place for place in places if _is_the_targets(place)]
    if not own:
        return False
    ends = isinstance(error, SystemExit)  # its `raise` is Python's own
    if not ends and (not _is_raise(steps[-1]) or places[-1] != own[-1]):
        return False
    is_a_librarys = _INSTALLED in own[-1].parts and _INSTALLED not in own[0].parts
    return not is_a_librarys or isinstance(error, NotImplementedError)


def _steps(traceback: TracebackType | None) -> Iterator[TracebackType]:
    """From the outermost call to the innermost."""
    while traceback is not None:
        yield traceback
        traceback = traceback.tb_next


def _is_raise(traceback: TracebackType) -> bool:
    code = traceback.tb_frame.f_code.co_code
    return 0 <= traceback.tb_lasti < len(code) and (
        dis.opname[code[traceback.tb_lasti]] == "RAISE_VARARGS"
    )


def _is_the_targets(path: Path) -> bool:
    installed = path.parts.count(_INSTALLED)
    return not any(
        path.is_relative_to(place) and installed == place.parts.count(_INSTALLED)
        for place in _NOT_THE_TARGETS
    )
