"""How many effective bits there are, as a chart of bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from conv_reference.verification.model.result import Report
from conv_reference.verification.report.plain import counted, one_line

_HEIGHT, _LEAST_HEIGHT = 56, 2  # of the bars, in pixels
_BAR = 9
_LEAST_BARS = 8
_TICKS = 4  # bits between two
_SIDE = 14  # room for half a number
_NUMBER = 16  # the height of one


@dataclass(frozen=True)
class Bar:
    """As many as carry so many bits."""

    x: int
    y: int
    height: int


@dataclass(frozen=True)
class Chart:
    """The bars, from the least bits to those that the dtype should give."""

    caption: str
    bars: tuple[Bar, ...]
    ticks: tuple[tuple[int, str], ...]  # the middle of a bar, and its bits
    bar_width: int
    full: int  # where the dtype's bits end
    base: int  # the bars' foot
    width: int
    height: int
    spoken: str


def chart(caption: str, bits: Sequence[tuple[int, int]], expected: int, what: str) -> Chart:
    """The chart of a distribution.

    Args:
        caption: of the chart.
        bits: how many there are of how many whole bits; not empty.
        expected: the bits of the dtype.
        what: is counted, in the singular.
    """
    least = min(bits[0][0], expected - _LEAST_BARS)
    last = max(bits[-1][0], expected)
    most = max(count for _, count in bits)

    def left(place: int) -> int:
        return _SIDE + (place - least) * (_BAR + 1)

    bars = []
    for place, count in bits:
        height = max(_LEAST_HEIGHT, round(_HEIGHT * count / most))
        bars.append(Bar(left(place), _HEIGHT - height, height))
    ticks = [place for place in range(least, last + 1) if (expected - place) % _TICKS == 0]
    said = "; ".join(f"{counted(count, what)} with {place} bits" for place, count in bits)
    return Chart(
        caption,
        tuple(bars),
        tuple((left(tick) + _BAR // 2, str(tick)) for tick in ticks),
        _BAR,
        left(expected) + _BAR,
        _HEIGHT,
        left(last) + _BAR + _SIDE,
        _HEIGHT + _NUMBER,
        f"{caption}, of {expected} that the dtype has: {said}",
    )


def charts(report: Report) -> tuple[Chart, ...]:
    """One for each check and dtype in which something was rounded."""
    return tuple(
        chart(
            one_line(f"{check.name}, {check.dtype}"),
            check.bits,
            round(check.expected_bits),
            "judgement",
        )
        for check in report.checks
        if check.bits and check.expected_bits
    )
