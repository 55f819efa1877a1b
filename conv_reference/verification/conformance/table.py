"""The table: a column for each framework, a row for each group of checks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from conv_reference.verification.conformance.read_report import Bits, Cell, Run
from conv_reference.verification.model.result import FAILURES, TIMED_OUT, Verdict
from conv_reference.verification.reading import catalogue
from conv_reference.verification.report.plain import one_line

NOT_ASKED, NOT_REACHED, NOT_RUN = "-", "not reached", "NOT RUN"
LEGEND = (
    f"{NOT_ASKED}: not asked. {NOT_REACHED}: the time was over, or an interrupt came, before any "
    "case of it. cut: that kept the run from a part of its cases, so that the verdicts are of "
    f"those that it reached. {NOT_RUN}: the adapter, or its environment, failed. unsupported: the "
    "framework has no such mode, or refused. n/m: the verdict is that of n rows and dtypes of m, "
    "the others are unsupported. x of yb: effective bits, and those that the dtype should give, "
    "where they fall the farthest short."
)


@dataclass(frozen=True)
class Shown:
    """One cell."""

    text: str
    bad: bool = False
    finding: int | None = None  # of the run, the first that it opens


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    title: str
    cells: tuple[Shown, ...]


def head(runs: Sequence[Run]) -> tuple[str, ...]:
    """The names of the columns, the first of which has the rows' titles."""
    return "", *(one_line(run.name) for run in runs)


def rows(runs: Sequence[Run]) -> Iterator[Row]:
    """What came of each run as a whole, then group by group."""
    yield Row("verdict", tuple(_shown_verdict(run) for run in runs))
    yield Row("cases judged", tuple(Shown(_cases(run)) for run in runs))
    yield Row("cases refused", tuple(Shown(_refused(run)) for run in runs))
    yield Row("effective bits", tuple(Shown(_bits(run.bits) or NOT_ASKED) for run in runs))
    yield Row("seconds", tuple(Shown(_seconds(run)) for run in runs))
    for group in _groups(runs):
        yield Row(one_line(group), tuple(_shown(run, group) for run in runs))


def failures(runs: Sequence[Run]) -> Iterator[str]:
    """Of each that could not be carried out, why, in one line."""
    for run in runs:
        if run.failure:
            yield one_line(f"{run.name}: {run.failure}")


def passed(runs: Sequence[Run]) -> bool:
    """Whether every framework did."""
    return all(run.passed for run in runs)


def _groups(runs: Sequence[Run]) -> list[str]:
    """The groups that were to be put to any framework, in the catalogue's order."""
    asked = {group for run in runs for group in (*run.cells, *run.unreached)}
    named = dict.fromkeys(entry.group for entry in catalogue.entries())
    return [*filter(asked.__contains__, named), *sorted(asked - {*named})]


def _shown(run: Run, group: str) -> Shown:
    cell = run.cells.get(group)
    if cell is None:
        return Shown(NOT_REACHED if group in run.unreached else NOT_ASKED)
    words = [_word(cell, bad=cell.verdict in FAILURES and not cell.known)]
    words += ["(known)"] if cell.known else []
    words += filter(None, [_bits(cell.bits)])
    words += [f"{cell.answered}/{cell.asked}"] if 0 < cell.answered < cell.asked else []
    return Shown(" ".join(words), cell.verdict in FAILURES, cell.finding)


def _shown_verdict(run: Run) -> Shown:
    if run.failure:
        return Shown(NOT_RUN, bad=True)
    failing = [cell for cell in run.cells.values() if cell.verdict in FAILURES]
    known = run.passed or (bool(failing) and all(cell.known for cell in failing))
    said = _word(run, bad=not known)
    if known and run.verdict in FAILURES:
        said = f"{said} (known)"
    said = f"{said}, cut" if run.cut else said
    # Nothing new was seen, and yet it does not pass: too little was judged, or it was strict.
    if not run.passed and (known or run.verdict not in FAILURES):
        said = f"{said}, not passed"
    new = (n for n, one in enumerate(run.findings) if known or not one.known)
    return Shown(said, not run.passed, next(new, None))


def _word(of: Cell | Run, *, bad: bool) -> str:
    word = TIMED_OUT if of.verdict == Verdict.CRASHED and of.timed_out else of.verdict.value
    return word.upper() if bad and of.verdict in FAILURES else word


def _refused(run: Run) -> str:
    return NOT_ASKED if run.failure else str(run.refused)


def _cases(run: Run) -> str:
    if run.failure:
        return NOT_ASKED
    return f"{run.judged}" if run.judged == run.planned else f"{run.judged} of {run.planned}"


def _bits(bits: Bits | None) -> str:
    return "" if bits is None else f"{bits.effective:.1f} of {bits.expected:.0f}b"


def _seconds(run: Run) -> str:
    return NOT_ASKED if run.seconds is None else f"{run.seconds:.0f}"
