"""How fast a target is: what an item will take, by what others of its kind took.

A right target may be slow, a loop in Python ten thousand times as slow as a library. What it may
take follows from what it took; only what takes far longer than that hangs. The size of an item is
a number that comes with it: what it measures is not known here.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import median

_KEPT = 7  # the last ones, of each kind and size
_LEAST_SEEN = 3  # one that took long alone says nothing: it may have been the machine
_LEAST_TOTAL = 0.02  # seconds: below that it is not the size that takes the time
_CERTAIN = 0.25  # seconds: what took as long did not so by the machine's doing
_ABOVE_LEAST = 3.0  # times the least of its kind: as above
_LEAST_GROWTH = 0.7  # of the exponent by which the time grows with the size


@dataclass(frozen=True)
class Size:
    """How much work an item is, beside others of its kind."""

    kind: str
    amount: float  # at least 0
    together: int | None = None  # neighbours of which it is the same go to one child


@dataclass
class _Seen:
    """Items of one kind and of about one size."""

    amounts: deque[float] = field(default_factory=lambda: deque(maxlen=_KEPT))
    seconds: deque[float] = field(default_factory=lambda: deque(maxlen=_KEPT))


@dataclass
class Pace:
    """Seconds by kind and size, the sizes by powers of two."""

    _seen: dict[str, dict[int, _Seen]] = field(default_factory=dict)
    _least: dict[str, float] = field(default_factory=dict)  # seconds, by kind

    def note(self, size: Size, seconds: float) -> None:
        """An item came to its end.

        Args:
            size: its own.
            seconds: that it took.
        """
        found = self._seen.setdefault(size.kind, {}).setdefault(_power(size.amount), _Seen())
        found.amounts.append(size.amount)
        found.seconds.append(seconds)
        self._least[size.kind] = min(seconds, self._least.get(size.kind, math.inf))

    def of(self, sizes: Iterable[Size]) -> Pace:
        """What is known of the kinds of some items: it travels with them."""
        kinds = {size.kind for size in sizes} & self._seen.keys()
        return Pace({k: self._seen[k] for k in kinds}, {k: self._least[k] for k in kinds})

    def expected(self, size: Size, *, least: float = _CERTAIN) -> float | None:
        """Seconds that an item will take; None where too few of its kind were timed.

        What its kind took at the nearest smaller size grows as the size does; but only where it
        has been seen to grow so, for not everything takes its time by its size.

        Args:
            size: its own.
            least: seconds that others must have taken for a prediction.
        """
        by_power = self._seen.get(size.kind, {})
        powers = sorted(
            power
            for power, seen in by_power.items()
            if power <= _power(size.amount) and len(seen.seconds) >= _LEAST_SEEN
        )
        if len(powers) < 2:
            return None
        smaller, nearest = by_power[powers[-2]], by_power[powers[-1]]
        taken, fastest = median(nearest.seconds), self._least[size.kind]
        growth = _growth(smaller, nearest)
        if taken < max(least, _ABOVE_LEAST * fastest) or growth < _LEAST_GROWTH:
            return None
        return fastest + (taken - fastest) * max(
            1.0, size.amount / max(median(nearest.amounts), 1.0)
        )

    def at_most(self, size: Size) -> float:
        """Seconds that an item may well take, by its own kind or, where that is new, by others."""
        own = self.expected(size, least=_LEAST_TOTAL)
        if own is not None:
            return own
        if size.kind in self._seen:
            return 0.0
        alike = (Size(kind, size.amount) for kind in self._seen)
        others = (self.expected(other, least=_LEAST_TOTAL) for other in alike)
        return max((seconds for seconds in others if seconds is not None), default=0.0)


def _power(amount: float) -> int:
    return math.frexp(max(amount, 1.0))[1]


def _growth(smaller: _Seen, larger: _Seen) -> float:
    """The exponent by which the time grows from one size to a larger one."""
    sizes = max(median(larger.amounts), 1.0) / max(median(smaller.amounts), 1.0)
    times = median(larger.seconds) / max(median(smaller.seconds), 1e-9)
    return math.log(max(times, 1e-9)) / math.log(sizes) if sizes > 1 else 0.0
