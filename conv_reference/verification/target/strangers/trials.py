"""The calls of one search for a convention: none is made twice, and a clock ends the search.

A loop over scalars takes a tenth of a second for the tiny case, and conventions are many. Most of
them call alike: another padding of its own, or another reading of the answer, changes what is
expected, and not what a stranger is given.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

_AFTERWARDS = 20  # times the slowest call: what follows a convention that agrees is short


class OutOfTimeError(Exception):
    """No further call is made."""


@dataclass
class Trials:
    """The calls of one stranger, with their answers.

    The time is the processor's, which others do not take; and it begins with the end of the first
    call, in which a compiler may be at work.
    """

    seconds: float = math.inf  # for the search
    counted: Callable[[int], None] = lambda _: None  # called with how many there were, before each
    opened: Callable[[str], None] = lambda _: None  # called with each question to an adapter
    clock: Callable[[], float] = time.process_time
    made: int = 0
    nearest: Any = None  # the convention that came nearest so far, with its stranger
    is_over: bool = False  # whether the clock ended the search
    _level: int = 0  # of that
    _slowest: float = 0.0  # seconds
    _until: float = math.inf
    _answers: dict[Hashable, tuple[Any, BaseException | None]] = field(default_factory=dict)

    def answer(self, key: Hashable, call: Callable[[], Any]) -> tuple[Any, BaseException | None]:
        """What a call comes to: a result, or what it throws.

        Args:
            key: the same for calls that are the same.
            call: made where none was with this key.

        Raises:
            OutOfTimeError: when there is no time left for it.
        """
        if key not in self._answers:
            self.require_time()
            self._answers[key] = self._called(call)
        return self._answers[key]

    def require_time(self) -> None:
        """Refuse a call for which there is no time.

        Raises:
            OutOfTimeError: when there is none.
        """
        if self.clock() > self._until:
            self.is_over = True
            raise OutOfTimeError
        self.counted(self.made)

    @property
    def said(self) -> str:
        """That the clock ended the search, in one clause."""
        calls = f"{self.made:,} calls" if self.made != 1 else "one call"
        return (
            f"how it is called was not settled in {self.seconds:g} s, by {calls} on a tiny case; "
            "--as says it, and a larger --budget allows for more"
        )

    def note(self, level: int, found: Any) -> None:
        """Keep what came nearest: the first of a level.

        Args:
            level: how near it came; 0 is not at all.
            found: the stranger and the convention.
        """
        if level > self._level:
            self._level, self.nearest = level, found

    def allow_a_few_more(self) -> None:
        """Give time for what follows a convention that agrees: how it takes its options."""
        self._until = max(self._until, self.clock() + _AFTERWARDS * self._slowest)

    def _called(self, call: Callable[[], Any]) -> tuple[Any, BaseException | None]:
        begun = self.clock()
        try:
            result, error = call(), None
        except (Exception, SystemExit) as thrown:
            result, error = None, thrown
        ended = self.clock()
        if not self.made:
            self._until = ended + self.seconds
        self.made += 1
        self._slowest = max(self._slowest, ended - begun)
        return result, error
