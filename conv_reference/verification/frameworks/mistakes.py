"""What an adapter's methods throw and do not declare: no refusal, whatever its words are."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from conv_reference.verification.frameworks.contract import Framework
from conv_reference.verification.frameworks.lifting import Node
from conv_reference.verification.frameworks.recipe import Recipe

INSTALLED = frozenset(("site-packages", "dist-packages"))  # folders of installed packages
_OURS = Path(__file__).parents[2]
_METHODS = frozenset(("conv", "to", "back", "from_dlpack", "vjp", "jvp", "vmap", "jit"))


def is_mistake(error: BaseException) -> bool:
    """Whether a Framework's method threw what the adapter declares as no refusal.

    Such an adapter says by ``NotImplementedError`` and ``refusals`` what is not offered. The short
    recipe has no word for that: what it raises on purpose is a refusal, as of any function.

    Args:
        error: that a call of the lifted function threw.
    """
    if isinstance(error, NotImplementedError):
        return False
    asked = (frame for frame in _frames(error) if frame.f_code is Node.asked.__code__)
    return any(not isinstance(frame.f_locals["self"].framework, Recipe) for frame in asked)


def method_of(error: BaseException, framework: Framework) -> str:
    """The innermost method of the adapter that an error passed; empty where it passed none."""
    passed = [
        frame.f_code.co_name
        for frame in _frames(error)
        if frame.f_code.co_name in _METHODS and frame.f_locals.get("self") is framework
    ]
    return passed[-1] if passed else ""


def line_in_framework(error: BaseException) -> str:
    """The line of an installed package that threw it, ``gridlib/grid.py:12``; or empty."""
    *_, (frame, line) = traceback.walk_tb(error.__traceback__)
    path = Path(frame.f_code.co_filename)
    if path.is_relative_to(_OURS) or not INSTALLED & {*path.parts}:
        return ""
    inside = max(i for i, part in enumerate(path.parts) if part in INSTALLED)
    return f"{Path(*path.parts[inside + 1 :]).as_posix()}:{line}"


def _frames(error: BaseException) -> Iterator[FrameType]:
    return (frame for frame, _ in traceback.walk_tb(error.__traceback__))
