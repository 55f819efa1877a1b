"""Whether an exception is meant: thrown by a ``raise`` or an ``assert`` of the target's own."""

from __future__ import annotations

import dis
import sysconfig
from pathlib import Path
from types import TracebackType

import torch

_OURS = Path(__file__).parents[2]
_NOT_THE_TARGETS = (
    Path(torch.__file__).parent,
    Path(sysconfig.get_path("stdlib")),
    _OURS,
)


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
