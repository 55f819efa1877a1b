"""What a run reports while it goes on, and to whom."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

Counting = Callable[[int, int], None]  # cases judged, cases planned


@runtime_checkable
class Progress(Protocol):
    """Whoever follows a run: ``Status`` of the terminal, or a ``Counted``."""

    def __call__(self, done: int, total: int) -> None:
        """Take how many cases are judged, of how many; of none when they are planned."""

    def at(self, stage: str) -> None:
        """Take what is done while no case is judged, in words."""

    def until(self, deadline: float | None) -> None:
        """Take when the stage that begins ends, of ``time.monotonic``; None where it may go on."""

    def hear(self, said: str) -> None:
        """Take one line, which is shown at once."""


@dataclass(frozen=True)
class Counted:
    """For a function that takes numbers alone, or for nobody."""

    count: Counting = lambda *_: None

    def __call__(self, done: int, total: int) -> None:
        """Hand the numbers on."""
        self.count(done, total)

    def at(self, stage: str) -> None:
        """Nobody asks."""

    def until(self, deadline: float | None) -> None:
        """Nobody asks."""

    def hear(self, said: str) -> None:
        """Nobody asks."""


def followed_by(given: Counting | None) -> Progress:
    """What ``verify`` is given as progress, as a run reports to it."""
    if given is None:
        return Counted()
    return given if isinstance(given, Progress) else Counted(given)
