"""Findings that have one cause, together."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass

from conv_reference.verification.model.result import Finding
from conv_reference.verification.report._plain import one_line

_MOST_LIKEWISE = 6
_MOST_ALSO = 3  # quantities beside the first in a title
_MOST_ROWS = 6


@dataclass(frozen=True)
class Group:
    """Findings with one cause: the first is shown, the others are named beside it."""

    findings: tuple[Finding, ...]

    @property
    def first(self) -> Finding:
        """The one that is shown."""
        return self.findings[0]

    @property
    def occurrences(self) -> int:
        """Cases of the run that failed in this way: at least, where several quantities did.

        One case may fail in several, so only those of different dtypes add up.
        """
        most: dict[str, int] = {}
        for finding in self.findings:
            most[finding.dtype] = max(most.get(finding.dtype, 0), finding.occurrences)
        return sum(most.values())

    @property
    def title(self) -> str:
        """One line: what is wrong, and on which geometry."""
        first = self.first
        index = str(list(first.index)).replace(" ", "") if first.index else ""
        same = [f for f in self.findings if _place(f) == _place(first) and f.dtype == first.dtype]
        also = dict.fromkeys(f.quantity for f in same if f.quantity != first.quantity)
        layout = "" if first.layout == "contiguous" else f", {first.layout}"
        named = [f"{first.quantity}{index}", *also]
        if len(also) > _MOST_ALSO:
            named = [*named[: _MOST_ALSO + 1], f"{len(also) - _MOST_ALSO} more"]
        what = ", ".join(named) if first.quantity else first.check
        return one_line(f"{what} in {first.dtype} on {first.geometry}{layout}")

    @property
    def rows(self) -> tuple[str, ...]:
        """The checks that it shows in; where they are many, the first of them."""
        every = dict.fromkeys(one_line(name) for f in self.findings for name in rows_of(f))
        names = list(every)
        if len(names) > _MOST_ROWS + 1:
            names[_MOST_ROWS:] = [f"{len(names) - _MOST_ROWS} more"]
        return tuple(names)

    @property
    def likewise(self) -> tuple[str, ...]:
        """Where else the same shows: dtypes alone where nothing else differs."""
        first = self.first
        dtypes = dict.fromkeys(f.dtype for f in self.findings if _place(f) == _place(first))
        dtypes.pop(first.dtype)
        lines = [one_line(", ".join(dtypes))] if dtypes else []
        for finding in self.findings:
            if _place(finding) != _place(first):
                layout = "" if finding.layout == "contiguous" else f", {finding.layout}"
                line = f"{finding.dtype} on {finding.geometry}{layout}"
                if finding.quantity != first.quantity:
                    line += f": {finding.quantity}"
                lines.append(one_line(line))
        lines = list(dict.fromkeys(lines))
        if len(lines) > _MOST_LIKEWISE:
            lines[_MOST_LIKEWISE:] = [f"{len(lines) - _MOST_LIKEWISE:,} more"]
        return tuple(lines)


def rows_of(finding: Finding) -> tuple[str, ...]:
    """The rows of the checks in which the finding shows."""
    return (finding.check, *finding.also)


def grouped(findings: Iterable[Finding]) -> tuple[Group, ...]:
    """The findings by cause, in their order; those that are known defects come last.

    Two have one cause when they are the same thing in another dtype, when one case explains both
    in the same words, or when both carry the same guess.
    """
    groups: list[list[Finding]] = []
    places: dict[Hashable, int] = {}
    for finding in findings:
        keys = list(_keys(finding))
        place = next((places[key] for key in keys if key in places), len(groups))
        if place == len(groups):
            groups.append([])
        groups[place].append(finding)
        places.update(dict.fromkeys(keys, place))
    gathered = [Group(tuple(members)) for members in groups]
    return tuple(sorted(gathered, key=lambda group: group.first.known is not None))


def _keys(finding: Finding) -> Iterator[Hashable]:
    kind = (finding.verdict, finding.known)
    yield (*kind, "dtype", finding.check, finding.quantity, _place(finding))
    yield (*kind, "words", _place(finding), finding.explanation)
    if finding.cause:
        yield (*kind, "cause", finding.cause)


def _place(finding: Finding) -> tuple[str, str]:
    return finding.geometry, finding.layout
