"""Where an answer differs, laid out: its sheets as maps, and in words."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod

from conv_reference.verification.model.difference import EQUAL, NO_NUMBER, Axis, Difference
from conv_reference.verification.model.result import Finding
from conv_reference.verification.report._bits import Chart, chart
from conv_reference.verification.report._picture import SCROLLS
from conv_reference.verification.report.plain import one_line

_WIDTH = 150  # of a sheet, in pixels, about
_SMALLEST, _LARGEST = 5, 22  # of a cell
_MOST_LISTED = 6  # places of one dimension
_LEAST_BITS = 4  # that every element carries, where it is precision that is lost
_LEAST_ELEMENTS = 8  # of a chart
_SCALE = ("level1", "level2", "level3", "level4")


@dataclass(frozen=True)
class Drawn:
    """One sheet; its numbers are cells, which the page scales."""

    caption: str
    columns: int
    rows: int
    width: int  # pixels
    height: int
    paths: tuple[tuple[str, str], ...]  # a class of the style, and the cells that have it
    spoken: str

    @property
    def scrolls(self) -> bool:
        """Whether it may be wider than a screen."""
        return self.width > SCROLLS


@dataclass(frozen=True)
class Map:
    """What is drawn of one case."""

    title: str
    said: str
    sheets: tuple[Drawn, ...]
    scale: tuple[str, ...]  # classes from the smallest differences to the greatest, if several
    has_no_number: bool
    more: str  # sheets that are not drawn
    chart: Chart | None  # of the bits, where it is precision that is lost


def maps(finding: Finding) -> tuple[Map, ...]:
    """A map for each case, the smallest first."""
    return tuple(_map(each, smallest=_is_of(each, finding)) for each in finding.differences)


def _is_of(difference: Difference, finding: Finding) -> bool:
    own = difference.geometry, difference.layout
    return own == (finding.geometry, finding.layout)


def _map(difference: Difference, *, smallest: bool) -> Map:
    layout = "" if difference.layout == "contiguous" else f", {difference.layout}"
    size = "On this case" if smallest else "On a larger case"
    present = {level for sheet in difference.sheets for row in sheet.rows for level in row}
    return Map(
        one_line(f"{size}, {difference.geometry}{layout}"),
        where(difference),
        tuple(_drawn(one_line(sheet.label), sheet.rows) for sheet in difference.sheets),
        _SCALE if len(present - {EQUAL, NO_NUMBER}) > 1 else (),
        NO_NUMBER in present,
        f"{difference.hidden:,} more are not drawn" if difference.hidden else "",
        _chart(difference),
    )


def where(difference: Difference) -> str:
    """How many elements differ, and where they lie.

    Example:
        >>> axes = (Axis("row", 3, (2,)), Axis("column", 4, (0, 1, 2, 3)))
        >>> where(Difference("Y", "h3 w4 k1", "contiguous", axes, 4, ()))
        '4 of 12 elements of Y differ: in the last row (2) alone, each element there.'
    """
    axes = difference.axes
    total = prod(axis.size for axis in axes)
    said = _differ(difference.differing, total, one_line(difference.quantity))
    narrow = [_places(axis) for axis in axes if len(axis.places) < axis.size]
    there = prod(len(axis.places) for axis in axes)
    if not narrow:
        return f"{said}." if difference.differing == total else f"{said}: in every part of it."
    each = f", {difference.differing:,} of the {there:,} there"
    if difference.differing == there:
        each = ", each element there" if there > 1 else ""
    return f"{said}: in {', '.join(narrow)} alone{each}."


def _differ(differing: int, total: int, quantity: str = "") -> str:
    of = f" of {quantity}" if quantity else ""
    if total == 1:
        return f"the only element{of} differs"
    return f"{differing:,} of {total:,} elements{of} {'differs' if differing == 1 else 'differ'}"


def _places(axis: Axis) -> str:
    name, places, last = axis.name, axis.places, axis.size - 1
    if len(places) == 1:
        (place,) = places
        which = "last " if place == last else "first " if place == 0 else ""
        return f"the {which}{name} ({place})" if which else f"{name} {place} of 0 to {last}"
    steps = {after - before for before, after in itertools.pairwise(places)}
    if len(steps) == 1:
        (step,) = steps
        if step == 1:
            return f"{name}s {places[0]} to {places[-1]} of 0 to {last}"
        if len(places) > 2:
            which = {2: "second", 3: "third", 4: "fourth"}.get(step, f"{step}th")
            return f"every {which} {name} from {places[0]} to {places[-1]} of 0 to {last}"
    if len(places) > _MOST_LISTED:
        return f"{len(places)} of {axis.size} {name}s"
    return f"{name}s {', '.join(map(str, places))} of 0 to {last}"


def _drawn(label: str, rows: Sequence[str]) -> Drawn:
    columns = max(map(len, rows), default=0)
    cell = max(_SMALLEST, min(_LARGEST, _WIDTH // (columns or 1)))
    levels = dict.fromkeys(level for row in rows for level in row if level != EQUAL)
    differing = sum(len(row) - row.count(EQUAL) for row in rows)
    return Drawn(
        label,
        columns,
        len(rows),
        columns * cell,
        len(rows) * cell,
        tuple((_class(level), "".join(_runs(level, rows))) for level in sorted(levels)),
        f"{label}: {_differ(differing, sum(map(len, rows)))}",
    )


def _class(level: str) -> str:
    return "no-number" if level == NO_NUMBER else f"level{level}"


def _runs(level: str, rows: Sequence[str]) -> Iterator[str]:
    """Neighbours of one level are one rectangle."""
    for y, row in enumerate(rows):
        for run in re.finditer(f"{re.escape(level)}+", row):
            length = run.end() - run.start()
            yield f"M{run.start()} {y}h{length}v1h-{length}z"


def _chart(difference: Difference) -> Chart | None:
    """Where each carries some bits and none is another number altogether."""
    total = sum(count for _, count in difference.bits)
    if total < _LEAST_ELEMENTS or min(bits for bits, _ in difference.bits) < _LEAST_BITS:
        return None
    return chart(
        f"The {total:,} elements that differ, by the bits that are right",
        difference.bits,
        difference.expected_bits,
        "element",
    )
