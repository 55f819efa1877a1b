"""The table of checks: what each saw in each dtype, and which rows may be one line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from conv_reference.quantities import QUANTITIES
from conv_reference.verification.model.result import (
    FOUND,
    TIMED_OUT,
    CheckResult,
    Report,
    Verdict,
    worst,
)
from conv_reference.verification.report._refused import NO_DTYPE, refused_dtypes
from conv_reference.verification.report.groups import groups, references
from conv_reference.verification.report.plain import one_line

_MOST_SEEN = 2  # findings, in a cell
_FEWEST_FOLLOWING = 3  # that are one line
_FIRST = frozenset(quantity.row for quantity in QUANTITIES.values())  # what others round like
_STANDS_OUT = 1.0  # bits less than those keep


class Footnote(Enum):
    """What a part of a cell means, in the order in which they stand below a table."""

    BITS = (
        "a/b: effective bits / bits that the dtype should give; errors are taken relative to the "
        "sum of the absolute products, so they may be smaller than the dtype's own (>)."
    )
    NORMWISE = (
        "*: farther off than plain sums of products may be (the componentwise bound), within what "
        "Winograd and FFT may lose (the normwise bound)."
    )
    LEAST = (
        "round like these: that line has the fewest bits that any of its checks kept, at most one "
        "less than the rows above it (--verbose lists each)."
    )
    COUNT = "(n): how many of the checks on that line were asked in the dtype."
    MISS_BOUND = (
        "≤: the probability that a fault does not show in the random integers drawn for one "
        "geometry is at most this, if what is computed is linear in each operand (input, kernel, "
        "upstream gradient), as a convolution is."
    )


_Part = tuple[str, Footnote | None]  # of a cell, with what says what it means


@dataclass(frozen=True)
class Cell:
    """What one check saw in one dtype."""

    verdict: str  # "" where it was not put to this dtype
    detail: str = ""  # the bound, or the bits
    notes: frozenset[Footnote] = frozenset()  # that say what is in the detail
    known: bool = False
    right: bool = True
    timed_out: bool = False  # of what crashed: whether it only did not return in time

    @property
    def word(self) -> str:
        """The verdict, as a reader has it."""
        return TIMED_OUT if self.timed_out else self.verdict

    def __str__(self) -> str:
        verdict = self.word if self.right else self.word.upper()
        known = "(known)" if self.known else ""
        return " ".join(word for word in (verdict, known, self.detail) if word)


@dataclass(frozen=True)
class Table:
    """The checks as rows, the dtypes as columns."""

    dtypes: tuple[str, ...]
    # name, cells, cases; None of a line that stands for several, whose cases are often the same
    rows: tuple[tuple[str, tuple[Cell, ...], int | None], ...]

    @property
    def footnotes(self) -> tuple[str, ...]:
        """What the details in the cells mean, as far as they occur."""
        there = {note for _, cells, _ in self.rows for cell in cells for note in cell.notes}
        return tuple(note.value for note in Footnote if note in there)


def is_right(check: CheckResult, report: Report) -> bool:
    """Whether a check is as good as required, known to be bad, or unsupported."""
    return (
        check.verdict == Verdict.UNSUPPORTED
        or check.known
        or replace(report, checks=(check,)).is_right
    )


def table(report: Report, *, fold: bool = False) -> Table:
    """The checks that ran in at least one dtype, in the report's order.

    A dtype that was refused as a whole has no column.

    Args:
        report: whose checks they are.
        fold: whether those that are exact in every dtype that they were put in are one line,
            the last, which has the weakest of their bounds; those that fail by what others show,
            one before it; and those that only round, as the certificate does, one before that.
    """
    left_out = {NO_DTYPE, *refused_dtypes(report)}
    ran = [check for check in report.checks if check.dtype not in left_out]
    dtypes = tuple(dict.fromkeys(one_line(check.dtype) for check in ran))
    found: dict[str, dict[str, CheckResult]] = {}
    for check in ran:
        found.setdefault(one_line(check.name), {})[one_line(check.dtype)] = check
    seen = _references(report)
    rows = []
    for name, by_dtype in found.items():
        if all(check.verdict == Verdict.UNSUPPORTED for check in by_dtype.values()):
            continue
        cells = tuple(
            _cell(one, report, seen.get((one.name, one.dtype), ()))
            if (one := by_dtype.get(dtype)) is not None
            else Cell("")
            for dtype in dtypes
        )
        cases = sum(check.cases or check.geometries for check in by_dtype.values())
        rows.append((name, cells, cases))
    whole = Table(dtypes, tuple(rows))
    if not fold:
        return whole
    rounding = _without_rounding(whole, report)
    return _without_exact(_without_following(rounding, whole, report), report)


def _references(report: Report) -> Mapping[tuple[str, str], tuple[int, ...]]:
    """The numbers of findings by row and dtype; none where there is one, which has no number."""
    seen = references(report.findings)
    return seen if len({number for numbers in seen.values() for number in numbers}) > 1 else {}


def following(whole: Table, report: Report) -> frozenset[str]:
    """The rows that fail only by what other rows show; none where they are too few to be folded."""
    found = groups(report.findings)
    own = {name for group in found for name in group.every_row}
    later = {name for group in found for name in group.every_following} - own
    no_news = _rounding_alike(report)
    names = frozenset(
        row[0]
        for row in whole.rows
        if row[0] in later and _fails_alone(row[1], rounds=row[0] in no_news)
    )
    return names if len(names) >= _FEWEST_FOLLOWING else frozenset()


def rounding(whole: Table, report: Report) -> frozenset[str]:
    """The rows that say nothing but that they round, as the first do; none where they are few."""
    no_news, usual = _rounding_alike(report), {"", Verdict.EXACT.value, Verdict.ROUNDED.value}
    names = frozenset(
        name
        for name, cells, _ in whole.rows
        if name in no_news and {cell.verdict for cell in cells} <= usual
    )
    return names if len(names) >= _FEWEST_FOLLOWING else frozenset()


def _rounding_alike(report: Report) -> frozenset[str]:
    """The rows that round over integers, and nowhere more than the certificate's own.

    Who transforms rounds in nearly every row, and that is one fact. A row stands out that rounds in
    a dtype in which the certificate is exact, by the weaker bound alone, or to fewer bits.
    """
    first = [each for each in report.checks if each.name in _FIRST and _has_bits(each)]
    rounds: dict[str, bool] = {}
    for check in report.checks:
        if check.name in _FIRST or check.verdict != Verdict.ROUNDED:
            continue
        beside = [each for each in first if each.dtype == check.dtype]
        is_alike = not check.real and _has_bits(check) and _rounds_like(check, beside)
        rounds[one_line(check.name)] = rounds.get(one_line(check.name), True) and is_alike
    return frozenset(name for name, is_alike in rounds.items() if is_alike)


def _has_bits(check: CheckResult) -> bool:
    return check.verdict == Verdict.ROUNDED and check.effective_bits is not None


def _rounds_like(check: CheckResult, first: Sequence[CheckResult]) -> bool:
    """Whether it keeps about as many bits as one of these, by no weaker a bound."""
    least = min((each.effective_bits or 0.0 for each in first), default=None)
    if least is None or check.effective_bits is None:
        return False
    is_weaker = check.bound == "normwise" and check.bound not in {each.bound for each in first}
    return not is_weaker and check.effective_bits >= least - _STANDS_OUT


def _without_rounding(whole: Table, report: Report) -> Table:
    """The rows that only round, as the certificate does, as one: with the fewest of their bits."""
    names = rounding(whole, report)
    if not names:
        return whole
    cells = tuple(_fewest(dtype, names, report) for dtype in whole.dtypes)
    others = tuple(row for row in whole.rows if row[0] not in names)
    return Table(whole.dtypes, (*others, (f"{len(names)} round like these", cells, None)))


def _fewest(dtype: str, names: frozenset[str], report: Report) -> Cell:
    """What rows that round have at the worst in a dtype: the fewest bits, and the weaker bound."""
    those = [c for c in report.checks if one_line(c.name) in names and one_line(c.dtype) == dtype]
    if not those:
        return Cell("")
    rounded = [check for check in those if _has_bits(check)]
    if not rounded:
        return Cell(Verdict.EXACT.value)
    shown = min(rounded, key=lambda check: check.effective_bits or 0.0)
    bounds = {check.bound for check in rounded}
    bound = "normwise" if "normwise" in bounds else shown.bound
    cell = _with(Cell(Verdict.ROUNDED.value), _parts(replace(shown, bound=bound)))
    return replace(cell, notes=cell.notes | {Footnote.LEAST})


def _without_following(folded: Table, whole: Table, report: Report) -> Table:
    """The rows that fail only by what other rows show as one; a finding names them."""
    names = following(whole, report)
    if not names:
        return folded
    following_rows = [row for row in whole.rows if row[0] in names]
    seen = _references(report)
    cells = []
    for place, dtype in enumerate(whole.dtypes):
        asked = [cells_of[place] for _, cells_of, _ in following_rows if cells_of[place].verdict]
        failing = [cell for cell in asked if not cell.right]
        numbers = {
            n for (row, of), many in seen.items() if row in names and of == dtype for n in many
        }
        detail = f"see {_listed(sorted(numbers))}" if failing and numbers else ""
        shown = Cell("")
        if asked:
            shown = replace(_worst(failing or asked), detail=detail, notes=frozenset())
        cells.append(shown)
    others = tuple(row for row in folded.rows if row not in following_rows)
    name = f"{len(names)} follow from these"
    return Table(whole.dtypes, (*others, (name, tuple(cells), None)))


def _worst(cells: Sequence[Cell]) -> Cell:
    verdict = worst(Verdict(cell.verdict) for cell in cells)
    return next(cell for cell in cells if cell.verdict == verdict.value)


def _fails_alone(cells: Sequence[Cell], *, rounds: bool) -> bool:
    """Whether there is nothing else to be read in a row: no known defect, and no bits.

    Args:
        cells: of the row.
        rounds: whether that it rounds is no news.
    """
    usual = {"", Verdict.EXACT.value, Verdict.UNSUPPORTED.value}
    usual |= {Verdict.ROUNDED.value} if rounds else set()
    return all(cell.verdict in usual if cell.right else not cell.known for cell in cells)


def _without_exact(whole: Table, report: Report) -> Table:
    """The rows that are exact in every dtype that they were put in as one."""
    exact = [row for row in whole.rows if {cell.verdict for cell in row[1]} - {""} == {"exact"}]
    if len(exact) < 2:
        return whole
    names = {name for name, _, _ in exact}
    bounds: dict[str, float] = {}
    for check in report.checks:
        if one_line(check.name) in names and check.miss_bound is not None:
            dtype = one_line(check.dtype)
            bounds[dtype] = max(bounds.get(dtype, 0.0), check.miss_bound)
    cells = []
    for place, dtype in enumerate(whole.dtypes):
        asked = sum(bool(cells_of[place].verdict) for _, cells_of, _ in exact)
        parts: list[_Part] = []
        if dtype in bounds:
            parts.append((_bound(bounds[dtype]), Footnote.MISS_BOUND))
        if asked < len(exact):
            parts.append((f"({asked})", Footnote.COUNT))
        cells.append(_with(Cell("exact"), parts, " ") if asked else Cell(""))
    others = tuple(row for row in whole.rows if row not in exact)
    name = f"{'other' if others else 'all'} {len(exact)} checks"
    return Table(whole.dtypes, (*others, (name, tuple(cells), None)))


def _bound(miss_bound: float) -> str:
    return f"≤{miss_bound:.0e}"


def _cell(check: CheckResult, report: Report, seen: Sequence[int]) -> Cell:
    known = check.known and check.verdict in FOUND
    right = is_right(check, report)
    cell = Cell(check.verdict.value, known=known, right=right, timed_out=check.timed_out)
    if seen and (not right or check.verdict == Verdict.PERMISSIVE):
        return replace(cell, detail=f"see {_listed(seen)}")
    return _with(cell, _parts(check))


def _with(cell: Cell, parts: Sequence[_Part], between: str = "") -> Cell:
    """The cell with these parts, and their footnotes."""
    detail = between.join(text for text, _ in parts)
    return replace(cell, detail=detail, notes=frozenset(note for _, note in parts if note))


def _listed(numbers: Sequence[int]) -> str:
    """``1, 3``; of more than fit into a cell the first."""
    return ", ".join(map(str, numbers)) if len(numbers) <= _MOST_SEEN else f"{numbers[0]}, ..."


def _parts(check: CheckResult) -> list[_Part]:
    """What is in a cell beside the verdict."""
    if check.verdict == Verdict.ROUNDED and check.effective_bits is not None:
        bits, full = check.effective_bits, check.expected_bits
        if full is None:
            parts: list[_Part] = [(f"{bits:.1f}", None)]
        else:  # more than the dtype has says nothing but that all of them are right
            shown = f">{full:g}" if bits > full else f"{bits:.1f}"
            parts = [(f"{shown}/{full:g}", Footnote.BITS)]
        if check.bound == "normwise":
            parts.append(("*", Footnote.NORMWISE))
        return parts
    if check.verdict == Verdict.EXACT and check.miss_bound is not None:
        return [(_bound(check.miss_bound), Footnote.MISS_BOUND)]
    return []
