"""What a child process and its parent send each other."""

from __future__ import annotations

import math
import mmap
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from conv_reference.verification.work.pace import Pace, Size

if TYPE_CHECKING:
    from conv_reference.verification.target.target import Target
else:
    Target = Any  # its module imports torch, which children are started without

NO_TARGET = ""  # in place of a target's name, where what is run needs none
CALLED = "called"  # where a child is that tries how its target is to be called, and how often
OPENED = "opened"  # where it tries an adapter before a run, and by which question
LOST = 74  # the status of a process that lost its device; EX_IOERR of sysexits.h

__all__ = [
    "CALLED",
    "LOST",
    "NO_TARGET",
    "OPENED",
    "Broken",
    "Described",
    "NoTarget",
    "Place",
    "Results",
    "Start",
    "Target",
    "Unreached",
    "Work",
    "attempt",
]


@dataclass(frozen=True)
class Start:
    """The second message, after that of which version the parent is: what to import, and how."""

    target: str  # or NO_TARGET
    path: tuple[str, ...]  # entries of sys.path
    full_run: bool  # whether a whole run follows, with every check
    only_describe: bool = False  # whether no work follows
    bare: bool = False  # whether nothing is imported that the target does not import
    environment: tuple[tuple[str, str], ...] = ()  # what is set there, before torch is called
    search: float = math.inf  # seconds for how the target is called


@dataclass(frozen=True)
class Described:
    """The child's first answer: the target, without what can be called; or that it is ready."""

    target: Target | None


@dataclass(frozen=True)
class NoTarget:
    """In a target's place: what is run can report where it is, and no more."""

    about_to: Callable[[Any], None] = lambda _: None

    def described(self) -> None:
        """Nothing."""


@dataclass(frozen=True)
class Work:
    """Calls of one function, ``function(target, item, argument)`` for each item."""

    function: Callable[[Target, Any, Any], Any]
    items: tuple[Any, ...]
    argument: Any
    deadline: float | None = None  # of ``time.monotonic``, after which no item is begun
    sizes: tuple[Size, ...] = ()  # of the items, where they have one
    pace: Pace | None = None  # what is known of the target's
    limit: float = math.inf  # seconds: an item that would take longer is not begun


@dataclass(frozen=True)
class Results:
    """Those of the next items of a piece, and how long each took."""

    results: tuple[Any, ...]
    seconds: tuple[float, ...]
    ran: tuple[tuple[str, int], ...] = ()  # lines of the target's own, none reported before


@dataclass(frozen=True)
class Unreached:
    """In place of a result: the deadline came first, or the item would take too long."""

    seconds: float | None = None  # that it was expected to take


class Place:
    """Where a child is in its work, in memory that it shares: still there when it has died.

    Whatever is read here may have been written by the target.
    """

    SIZE = 1024  # bytes
    _NUMBER, _LENGTH, _QUANTITY = slice(0, 8), slice(8, 10), slice(10, 74)
    _TEXT = 74

    def __init__(self, descriptor: int) -> None:
        self._memory = mmap.mmap(descriptor, self.SIZE)

    def begin(self, number: int) -> None:
        """Item by this number is begun; nothing is called yet."""
        self._memory[: self._TEXT] = number.to_bytes(8, "little").ljust(self._TEXT, b"\0")

    def ask(self, text: str) -> None:
        """Something else than the item itself is put to the target."""
        said = text.encode()[: self.SIZE - self._TEXT]
        self._memory[self._TEXT : self._TEXT + len(said)] = said
        self._memory[self._LENGTH] = len(said).to_bytes(2, "little")

    def request(self, quantity: str) -> None:
        """What of it the target is to compute next: "Y", or "dX dK"."""
        said = quantity.encode()[: self._TEXT - self._QUANTITY.start]
        self._memory[self._QUANTITY] = said.ljust(self._TEXT - self._QUANTITY.start, b"\0")

    @property
    def number(self) -> int:
        """Of the item that was begun last."""
        return int.from_bytes(self._memory[self._NUMBER], "little")

    @property
    def asked(self) -> str:
        """What was called last for this item, where that was not the item itself; or empty."""
        length = min(int.from_bytes(self._memory[self._LENGTH], "little"), self.SIZE - self._TEXT)
        return self._memory[self._TEXT : self._TEXT + length].decode(errors="replace")

    @property
    def quantity(self) -> str:
        """What the target was to compute last; or empty."""
        return self._memory[self._QUANTITY].rstrip(b"\0").decode(errors="replace")

    def close(self) -> None:
        """Let go of the memory."""
        self._memory.close()


@dataclass(frozen=True)
class Broken:
    """A mistake of the engine's own: its item has no result, and the run goes on."""

    traceback: str

    @property
    def error(self) -> str:
        """Its last line: the exception and its message."""
        return self.traceback.strip().splitlines()[-1]


def attempt(
    function: Callable[[Target, Any, Any], Any], target: Target, item: Any, argument: Any
) -> Any:
    """The result of one item; what a target throws is caught long before, so the rest is ours.

    Args:
        function: of the target, an item and the argument.
        target: to which the item is put.
        item: a case, mostly.
        argument: the same for every item: the run's settings, mostly.

    Returns:
        What the function returns, or ``Broken`` with the traceback where it raises.
    """
    try:
        return function(target, item, argument)
    except Exception:
        return Broken(traceback.format_exc())
