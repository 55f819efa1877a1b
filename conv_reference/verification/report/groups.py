"""Findings that have one cause, together."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from conv_reference.verification.model.result import Finding, Verdict
from conv_reference.verification.report.plain import counted, one_line

_MOST_LIKEWISE = 6
_MOST_ALSO = 3  # quantities beside the first in a title
_MOST_ROWS = 6


@dataclass(frozen=True)
class Group:
    """One fault: the first of its findings is shown, the others are named beside it."""

    number: int  # from 1, in the order of a report
    findings: tuple[Finding, ...]  # in other dtypes and on other cases, and what follows from it

    @property
    def first(self) -> Finding:
        """The one that is shown."""
        return self.findings[0]

    @property
    def _own(self) -> tuple[Finding, ...]:
        """Those that show the fault itself, not what follows from it."""
        first = self.first
        return tuple(finding for finding in self.findings if finding.follows == first.follows)

    @property
    def _most(self) -> tuple[Finding, ...]:
        """Of each dtype the finding that was seen in the most cases.

        One case may fail in several quantities, so only those of different dtypes add up.
        """
        most: dict[str, Finding] = {}
        for finding in self._own:
            seen = most.setdefault(finding.dtype, finding)
            most[finding.dtype] = max(seen, finding, key=lambda each: each.occurrences)
        return tuple(most.values())

    @property
    def _are_known(self) -> bool:
        """Whether it is known of each finding which cases those are, and not just how many."""
        return all(finding.cases for finding in self._own)

    @property
    def occurrences(self) -> int:
        """Cases that failed in this way: at least, where several kinds did, see ``extent``."""
        if self._are_known:
            return len(frozenset().union(*(finding.cases for finding in self._own)))
        return sum(finding.occurrences for finding in self._most)

    @property
    def in_rows(self) -> int:
        """In how many of them the check that shows the fault met it; the others are of others."""
        if self._are_known:
            met = frozenset[int]().union(*(finding.cases_in_check for finding in self._own))
            return min(len(met), self.occurrences)
        return sum(
            finding.occurrences if finding.in_check is None else finding.in_check
            for finding in self._most
        )

    @property
    def extent(self) -> str:
        """In how many cases, in words: at least, where several kinds are not known by case."""
        return f"{self._least}{counted(self.occurrences, 'case')}"

    @property
    def seen(self) -> str:
        """In how many cases, and in how many of these by the checks whose names follow.

        A fault is counted where other checks meet it, too: the checks that show it alone, asked
        the same afterwards, show it there.
        """
        if not self.in_rows:
            return f"seen in {self.extent} of other checks, and then on the same operands by"
        if self.in_rows < self.occurrences:
            return f"seen in {self.extent}, in {self._least}{self.in_rows:,} of them by"
        return f"seen in {self.extent}, by"

    @property
    def _least(self) -> str:
        own = [finding.dtype for finding in self._own]
        return "at least " if len({*own}) < len(own) and not self._are_known else ""

    @property
    def title(self) -> str:
        """One line: what is wrong, and on which geometry."""
        first = self.first
        if first.verdict == Verdict.PERMISSIVE:  # its geometry is a word for what has none
            return one_line(f"arguments without a convolution are answered, in {first.dtype}")
        index = str(list(first.index)).replace(" ", "") if first.index else ""
        same = [f for f in self.findings if _is_alike(f, first) and f.dtype == first.dtype]
        also = dict.fromkeys(f.quantity for f in same if f.quantity != first.quantity)
        layout = "" if first.layout == "contiguous" else f", {first.layout}"
        # Of "tangent of Y along b" the place is the tangent's, not that of b.
        at = " at " if index and " " in first.quantity else ""
        named = [f"{first.quantity}{at}{index}", *also]
        if len(also) > _MOST_ALSO:
            named = [*named[: _MOST_ALSO + 1], f"{len(also) - _MOST_ALSO} more"]
        what = ", ".join(named) if first.quantity else first.check
        return one_line(f"{what} in {first.dtype} on {first.geometry}{layout}")

    @property
    def every_row(self) -> tuple[str, ...]:
        """The checks that show the fault itself."""
        return tuple(dict.fromkeys(f.check for f in self.findings if not f.follows))

    @property
    def every_following(self) -> tuple[str, ...]:
        """The checks that fail because of it."""
        every = (name for f in self.findings for name in rows_of(f))
        return tuple(dict.fromkeys(name for name in every if name not in self.every_row))

    @property
    def rows(self) -> tuple[str, ...]:
        """The checks that show it; where they are many, the first of them."""
        return _listed(self.every_row)

    @property
    def following(self) -> tuple[str, ...]:
        """The checks that fail because of it; where they are many, the first of them."""
        return _listed(self.every_following)

    @property
    def likewise(self) -> tuple[str, ...]:
        """Where else the same shows, every dtype named: alone where nothing else differs."""
        first = self.first
        dtypes = dict.fromkeys(f.dtype for f in self.findings if _is_alike(f, first))
        dtypes.pop(first.dtype)
        elsewhere: dict[str, list[Finding]] = {}
        for finding in self.findings:
            # What follows from it is named by its checks.
            if not _is_alike(finding, first) and finding.follows <= first.follows:
                elsewhere.setdefault(_differing(finding, first), []).append(finding)
        lines = [", ".join(dtypes)] if dtypes else []
        places = [*elsewhere.items()]
        room = _MOST_LIKEWISE - len(lines)
        kept, cut = (places, []) if len(places) <= room else (places[:room], places[room:])
        lines += [_told(those, place, first) for place, those in kept]
        named = {first.dtype, *dtypes, *(f.dtype for _, those in kept for f in those)}
        if cut:
            unnamed = dict.fromkeys(f.dtype for _, those in cut for f in those)
            others = ", ".join(dtype for dtype in unnamed if dtype not in named)
            lines.append(f"{len(cut):,} more{others and ', in '}{others}")
            named |= {*unnamed}
        every = (dtype for f in self.findings for _, dtype in places_of(f))
        later = dict.fromkeys(dtype for dtype in every if dtype not in named)
        if later:
            lines.append(f"{', '.join(later)}, by what follows from it alone")
        return tuple(map(one_line, lines))


def _told(findings: Sequence[Finding], place: str, first: Finding) -> str:
    """The dtypes in which something shows in a place; and the cases, where it fails otherwise."""
    dtypes = ", ".join(dict.fromkeys(finding.dtype for finding in findings))
    if findings[0].verdict == first.verdict:
        return f"{dtypes} {place}"
    return f"{dtypes} {place}, in {counted(sum(each.occurrences for each in findings), 'case')}"


def _differing(finding: Finding, first: Finding) -> str:
    """Where a finding lies, and how what it shows differs from what the first does."""
    layout = "" if finding.layout == "contiguous" else f", {finding.layout}"
    quantity = f": {finding.quantity}" if finding.quantity != first.quantity else ""
    same = (finding.check, finding.verdict) == (first.check, first.verdict)
    alike = same or (finding.verdict, finding.seen) == (first.verdict, first.seen)
    return f"on {finding.geometry}{layout}{quantity}" + (
        "" if alike or not finding.seen else f": {finding.seen}"
    )


def rows_of(finding: Finding) -> tuple[str, ...]:
    """The rows of the checks in which the finding shows, in whatever dtype."""
    return tuple(dict.fromkeys(row for row, _ in places_of(finding)))


def places_of(finding: Finding) -> tuple[tuple[str, str], ...]:
    """The cells of the table in which the finding shows: a row and a dtype of each."""
    own = tuple((row, finding.dtype) for row in (finding.check, *finding.also))
    return (*own, *finding.elsewhere)


def groups(findings: Iterable[Finding]) -> tuple[Group, ...]:
    """The findings by the faults that they show, in their order.

    What is merely permissive comes behind what is wrong, and known defects come last.

    Two show one fault when the diagnosis of one run says so, when they are the same thing in
    another dtype, when one case explains both in the same words, or when both carry one guess.

    Args:
        findings: of one report, or of several on one target.
    """
    gathered: list[list[Finding]] = []
    places: dict[Hashable, int] = {}  # where the findings of a key are
    for finding in findings:
        keys = [*_keys(finding)]
        met = sorted({places[key] for key in keys if key in places})
        place = met[0] if met else len(gathered)
        if not met:
            gathered.append([])
        for other in met[1:]:  # what were two are one
            gathered[place] += gathered[other]
            gathered[other] = []
            places.update({key: place for key, at in places.items() if at == other})
        gathered[place].append(finding)
        places.update(dict.fromkeys(keys, place))
    found = [sorted(those, key=lambda finding: finding.follows) for those in gathered if those]
    ordered = sorted(found, key=lambda members: _place_of(members[0]))
    return tuple(Group(number, tuple(those)) for number, those in enumerate(ordered, start=1))


def _place_of(first: Finding) -> int:
    return 2 if first.known is not None else int(first.verdict == Verdict.PERMISSIVE)


def references(findings: Iterable[Finding]) -> dict[tuple[str, str], tuple[int, ...]]:
    """The numbers of the groups that a check shows in a dtype; by the names of both."""
    found: dict[tuple[str, str], dict[int, None]] = {}
    for group in groups(findings):
        for finding in group.findings:
            for place in places_of(finding):
                found.setdefault(place, {})[group.number] = None
    return {place: tuple(numbers) for place, numbers in found.items()}


def few(names: Iterable[str]) -> tuple[tuple[str, ...], str]:
    """The first of the names, each once, and "3 more" for the others; empty where that is all."""
    every = tuple(dict.fromkeys(map(one_line, names)))
    if len(every) <= _MOST_ROWS + 1:
        return every, ""
    return every[:_MOST_ROWS], f"{len(every) - _MOST_ROWS} more"


def _listed(names: Iterable[str]) -> tuple[str, ...]:
    first, more = few(names)
    return (*first, more) if more else first


def _keys(finding: Finding) -> Iterator[Hashable]:
    kind = (finding.verdict, finding.known)
    if finding.fault:
        yield "fault", finding.seed, finding.fault
    thrown = finding.actual if finding.verdict == Verdict.RAISED else ""
    yield (*kind, "dtype", finding.check, finding.quantity, thrown, _place(finding))
    yield (*kind, "words", _place(finding), finding.explanation)  # compared whole, never read
    if finding.cause and not finding.follows:  # else it carries that of its own fault
        yield (*kind, "cause", finding.cause)


def _place(finding: Finding) -> tuple[str, str]:
    return finding.geometry, finding.layout


def _is_alike(finding: Finding, first: Finding) -> bool:
    """Whether it shows the same as another in the same place: one that raises is not wrong."""
    return (*_place(finding), finding.verdict) == (*_place(first), first.verdict)
