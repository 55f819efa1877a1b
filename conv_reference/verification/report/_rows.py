"""The table of checks as a page shows it: each row with what it asserts and what it meets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from conv_reference.verification.model.result import Report
from conv_reference.verification.reading import catalogue
from conv_reference.verification.reading.catalogue import Entry
from conv_reference.verification.report.groups import Group, places_of
from conv_reference.verification.report.plain import one_line
from conv_reference.verification.report.table import Cell, following, rounding, table


@dataclass(frozen=True)
class Row:
    """One check."""

    number: int  # from 1, in the report's order: an anchor, for its name may hold anything
    name: str
    cells: tuple[tuple[str, Cell, int], ...]  # dtype, what was seen, and its first group or 0
    cases: int | None
    about: Entry | None  # None of a check that this version does not know
    quantities: tuple[str, ...]  # of the findings that show in it

    @property
    def is_exact(self) -> bool:
        """Whether it is exact in every dtype that it was put to."""
        return {cell.verdict for _, cell, _ in self.cells} <= {"exact", ""}


@dataclass(frozen=True)
class Shown:
    """The rows to be read, those that say nothing new, and what the details in them mean."""

    dtypes: tuple[str, ...]
    open: tuple[Row, ...]
    following: tuple[Row, ...]  # that fail by what the open ones show; a finding names them
    rounding: tuple[Row, ...]  # that round as the open ones do, which says nothing new
    folded: tuple[Row, ...]  # exact everywhere; none where that is all there are, or a single one
    footnotes: tuple[str, ...]


def shown(report: Report, gathered: Sequence[Group]) -> Shown:
    """The table of a report.

    Args:
        report: whose checks they are.
        gathered: the groups of the findings that the page shows, to which cells lead.
    """
    words = {entry.name: entry for entry in catalogue.entries()}
    links: dict[tuple[str, str], int] = {}
    quantities: dict[str, dict[str, None]] = {}
    for group in gathered:
        for finding in group.findings:
            for place in places_of(finding):
                row, dtype = map(one_line, place)
                links.setdefault((row, dtype), group.number)
                quantities.setdefault(row, {})[one_line(finding.quantity)] = None
    whole = table(report)
    rows = tuple(
        Row(
            number,
            name,
            tuple(
                (dtype, cell, links.get((name, dtype), 0))
                for dtype, cell in zip(whole.dtypes, cells, strict=True)
            ),
            cases,
            words.get(name),
            tuple(quantities.get(name, ())),
        )
        for number, (name, cells, cases) in enumerate(whole.rows, start=1)
    )
    exact = tuple(row for row in rows if row.is_exact)
    if len(exact) < 2 or len(exact) == len(rows):
        exact = ()
    names = following(whole, report)
    later = tuple(row for row in rows if row.name in names)
    names = rounding(whole, report)
    alike = tuple(row for row in rows if row.name in names)
    rest = tuple(row for row in rows if row not in (*exact, *later, *alike))
    return Shown(whole.dtypes, rest, later, alike, exact, whole.footnotes)
