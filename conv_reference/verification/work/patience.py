"""How long an item may take: by the pace of its kind, and by whether others hung before it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from conv_reference.verification.model.notes import Note, NoteKind
from conv_reference.verification.options.clock import MOST_WAITS
from conv_reference.verification.work.pace import Pace, Size

LIMIT = 20.0  # seconds for each item, until one has taken them
ASLEEP = 8.0  # the same where its process does nothing meanwhile
_LEAST_LIMIT, _TIMES_SLOWEST = 3.0, 20
_TIMES_EXPECTED = 10  # that an item may take
_TIMES_COMPILED = 3  # as long where each shape is a program of its own: an item may be several
_TIMES_USUAL = 5  # what any other took, up to which it is nothing to wonder at


@dataclass
class Patience:
    """With the items of one target."""

    limit: float  # seconds for each item, where nothing else is known
    pace: Pace = field(default_factory=Pace)
    _slowest: float = 0.0  # seconds that any has taken
    _hung: bool = False  # whether one has
    _too_slow: int = 0  # how many were left out

    def for_compilers(self) -> None:
        """Wait longer from here on: the target compiles each of its shapes, for seconds."""
        self.limit *= _TIMES_COMPILED

    def of(self, size: Size | None) -> float:
        """Seconds; where one item hung, others will: then what any other took counts, too."""
        usual = self.limit
        if self._hung:
            slowest = float(math.ceil(_TIMES_SLOWEST * self._slowest))
            usual = min(usual, max(_LEAST_LIMIT, slowest))
        if size is None:
            return usual
        expected = math.ceil(_TIMES_EXPECTED * self.pace.at_most(size))
        return max(usual, float(min(expected, MOST_WAITS * self.limit)))

    def note(self, size: Size | None, seconds: float, *, first: bool) -> None:
        """An item came back.

        Args:
            size: its own.
            seconds: that it took.
            first: whether it was the first of its process, which says little of the pace.
        """
        self._slowest = max(self._slowest, seconds)
        if size is not None and not first:
            self.pace.note(size, seconds)

    def is_usual(self, seconds: float) -> bool:
        """Whether an item that has taken so long may be at work like those before it."""
        return seconds <= _TIMES_USUAL * self._slowest

    def hangs(self, size: Size | None) -> bool:
        """An item took longer; whether it may be slow by its size, and no more."""
        slow = size is not None and self.pace.at_most(size) > self.limit
        self._hung |= not slow
        return slow

    def leave_out(self) -> None:
        """An item is not waited for: it would take too long, and is no crash."""
        self._too_slow += 1

    def left_out(self) -> Note | None:
        """The message about all those so far; None where there are none."""
        if not self._too_slow:
            return None
        one = self._too_slow == 1
        said = (
            f"left out as too slow: {self._too_slow:,} {'case' if one else 'cases'} that would "
            f"take more than {self.limit:g} s{'' if one else ' each'}, at the pace of the others"
        )
        return Note(NoteKind.TOO_SLOW, said, number=self._too_slow)
