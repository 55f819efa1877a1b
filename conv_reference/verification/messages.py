"""What a child process and its parent say to each other."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from conv_reference.verification.target import Target
else:
    Target = Any  # its module brings torch, which children are started without

__all__ = ["Broken", "Described", "Start", "Target", "Work", "attempt"]


@dataclass(frozen=True)
class Start:
    """The first message: what to import, and how."""

    target: str
    path: tuple[str, ...]  # entries of sys.path
    full_run: bool  # whether a whole run follows, with every check


@dataclass(frozen=True)
class Described:
    """The child's first answer: the target, without what can be called."""

    target: Target


@dataclass(frozen=True)
class Work:
    """Calls of one function, ``function(target, item, argument)`` for each item."""

    function: Callable[[Target, Any, Any], Any]
    items: tuple[Any, ...]
    argument: Any


@dataclass(frozen=True)
class Broken:
    """A mistake of the engine's own: its item has no result, and the run goes on."""

    traceback: str

    @property
    def error(self) -> str:
        """Its last line: the exception and what it says."""
        return self.traceback.strip().splitlines()[-1]


def attempt(
    function: Callable[[Target, Any, Any], Any], target: Target, item: Any, argument: Any
) -> Any:
    """The result of one item; what a target throws is caught long before, so the rest is ours."""
    try:
        return function(target, item, argument)
    except Exception:
        return Broken(traceback.format_exc())
