"""Which item is to blame for a crash: the suspect is tried alone, then those before it.

A process ends where damage shows, which may be a later call than the one that did it; and it may
be ended from outside. So the item at which a process ended is tried again alone, in a new
process; if that ends, too, it is to blame. If not, each of those before it is tried together with
it, the latest first: the one with which the process ends has done the damage.

A signal may come from an item in another process, and so may the next: whoever was killed is
tried while nothing else runs, in a process that was begun since.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from conv_reference.verification.model.judgement import Crash
from conv_reference.verification.work.backend import Item, Result
from conv_reference.verification.work.pace import Size

REMEMBERED = 8  # items of a process that are tried after the suspect
ALONE_RIGHT = (
    "Alone, in a new process, this call returns: what ends the process depends on earlier calls, "
    "or on chance."
)
NOT_AGAIN = "It was not tried again alone."
LATER = "The process ends in the next call, which alone returns."


@dataclass(frozen=True)
class Suspicion:
    """An item that may have ended a process."""

    number: int  # among all
    item: Item
    size: Size | None = None
    affair: Affair | None = None  # None before it is suspected


@dataclass
class Affair:
    """A process that ended, and what is known of why."""

    crash: Crash
    at: Suspicion  # the item at which it ended
    earlier: list[Suspicion]  # those before it, the latest last
    by_others: bool  # whether it may have been ended from outside
    killed: bool  # whether an item of another process may have sent the signal that ended it
    answer: Result = None  # of the item at which it ended, tried alone
    came_back: bool = False  # whether that was

    def first(self) -> Suspicion:
        """Which is tried first."""
        return replace(self.at, affair=self)

    def returned(self, suspect: Suspicion, answer: Result) -> tuple[list[Any], Suspicion | None]:
        """A suspect came back: the results that stand now, and which is tried next."""
        if suspect.number == self.at.number:
            self.answer, self.came_back = answer, True
            if self.by_others:
                return [(self.at.number, answer)], None
        if self.earlier:
            return [], replace(self.earlier.pop(), affair=self)
        return self.given_up(), None

    def tried_with(self, suspect: Suspicion) -> tuple[Suspicion, ...]:
        """What is tried in a new process, for one suspect."""
        return (suspect,) if suspect.number == self.at.number else (suspect, self.at)

    def ended(self, suspect: Suspicion, crash: Crash, place: int) -> list[Any]:
        """The process of a suspect ended, too: the results that stand now.

        Args:
            suspect: that was tried.
            crash: how it ended.
            place: at which of those that were tried.
        """
        if suspect.number == self.at.number:
            return [(suspect.number, crash)]
        blamed = replace(crash, asked="", quantity="", again=LATER if place else "")
        return [(suspect.number, blamed), (self.at.number, self.answer)]

    def given_up(self) -> list[Any]:
        """Nobody is tried any more: the results that stand now."""
        again = ALONE_RIGHT if self.came_back else NOT_AGAIN
        return [(self.at.number, replace(self.crash, again=again))]
