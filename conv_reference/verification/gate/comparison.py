"""What of a baseline no longer holds, what is better, and what was only found now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from conv_reference.verification.gate.baseline import (
    Baseline,
    Row,
    baseline_of,
    require_target,
    rows_of,
)
from conv_reference.verification.gate.parameters import Parameters
from conv_reference.verification.model.result import (
    FAILURES,
    FOUND,
    Finding,
    Report,
    Verdict,
    is_worse,
)
from conv_reference.verification.report.groups import rows_of as checks_of
from conv_reference.verification.report.plain import counted

DEFAULT_MARGIN = 1.0  # bits


class Kind(StrEnum):
    """In which respect a row changed."""

    VERDICT = "verdict"
    PRECISION = "precision"
    DISAPPEARED = "disappeared"
    UNSUPPORTED = "unsupported"  # newly, as a whole or in part
    FAMILY = "family"  # no geometry of a family is judged any more
    NEW = "new"  # the baseline has no such row
    KNOWN = "known"  # it fails, by a known defect alone


@dataclass(frozen=True)
class Change:
    """One respect in which a row is not what it was."""

    kind: Kind
    check: str
    dtype: str
    device: str
    was: str
    now: str

    @property
    def key(self) -> tuple[str, str, str]:
        """The row's."""
        return self.check, self.dtype, self.device

    def __str__(self) -> str:
        return f"{self.check} in {self.dtype} on {self.device}: was {self.was}, is {self.now}"


@dataclass(frozen=True)
class Comparison:
    """A report beside the baseline."""

    regressions: tuple[Change, ...] = ()
    improvements: tuple[Change, ...] = ()
    known: tuple[Change, ...] = ()  # worse, by known defects alone: shown, and no regression
    appeared: tuple[Change, ...] = ()  # rows that fail and that the baseline does not have
    environment: tuple[tuple[str, str, str], ...] = ()  # key, was, is
    held: int = 0  # rows that are what they were
    unsupported: int = 0  # those of them that are not judged, as they were not
    failing: tuple[Change, ...] = ()  # those of them that fail, as they did
    remarks: tuple[str, ...] = ()

    @property
    def regressed(self) -> bool:
        """Whether something that held no longer does."""
        return bool(self.regressions)


def compare(baseline: Baseline, report: Report, *, margin: float = DEFAULT_MARGIN) -> Comparison:
    """What is worse, better or gone since the baseline.

    Args:
        baseline: what held.
        report: of a run with the baseline's seed and parameters.
        margin: bits, at least 0, by which precision may drop unnoticed.

    Raises:
        BaselineError: when the report is about another target.
        ValueError: when the margin is negative or no number.
    """
    require_target(baseline, report.target)
    if not margin >= 0:
        raise ValueError(f"the margin must be at least 0 bits, got {margin}")
    was = _attainable(baseline.rows, report)
    now = {row.key: row for row in rows_of(report)}
    worse, better, known, appeared, failing = [], [], [], [], []
    held = unsupported = 0
    for key, row in was.items():
        if key not in now:
            worse.append(_change(Kind.DISAPPEARED, row, row.verdict.value, _missing(report)))
            continue
        losses = list(_losses(row, now[key], margin, report))
        gains = list(_gains(row, now[key], margin))
        if now[key].known and now[key].verdict in FAILURES:
            known += [replace(change, kind=Kind.KNOWN) for change in losses]
        else:
            worse += losses
        better += gains
        held += not losses and not gains
        unsupported += row.verdict == now[key].verdict == Verdict.UNSUPPORTED
        if _fails(row, report) and now[key].verdict == row.verdict:
            failing.append(_change(Kind.VERDICT, row, row.verdict.value, row.verdict.value))
    for key, row in now.items():
        if key not in was and _fails(row, report):
            appeared.append(_change(Kind.NEW, row, "not there", row.verdict.value))
        elif key not in was:
            better.append(_change(Kind.NEW, row, "not there", _shown(row)))
    return Comparison(
        regressions=tuple(worse),
        improvements=tuple(better),
        known=tuple(known),
        appeared=tuple(appeared),
        environment=tuple(_environment(baseline.environment, report.environment)),
        held=held,
        unsupported=unsupported,
        failing=tuple(failing),
        remarks=tuple(_remarks(baseline, report)),
    )


def found(baseline: Baseline, repeated: Report, fresh: Report) -> tuple[Change, ...]:
    """What is wrong with another seed, and neither in the baseline nor in its repetition.

    Nothing broke there: it may always have been so. A row that fails only because another does,
    which is no news, is not found: its finding says so. Nor is one by a fault that the baseline's
    own cases show in other rows.

    Args:
        baseline: what held.
        repeated: the report of its own cases, run again.
        fresh: the report of other cases, of another seed.
    """
    was, now = (_attainable(rows, fresh) for rows in (baseline.rows, rows_of(repeated)))
    shown_there = {_cause(finding) for finding in repeated.findings}
    changes = []
    for row in rows_of(fresh):
        before = [rows[row.key] for rows in (was, now) if row.key in rows]
        fails = _fails(row, fresh)
        inexact = row.verdict == Verdict.ROUNDED and bool(before)
        news = all(is_worse(row.verdict, r.verdict) for r in before)
        if not ((fails or inexact) and news):
            continue
        of_it = [f for f in fresh.findings if f.dtype == row.dtype and row.check in checks_of(f)]
        others = [finding for finding in of_it if _cause(finding) not in shown_there]
        if not of_it or (others and not _follows(row, others, was, now)):
            shown = ", ".join(dict.fromkeys(_shown(r) for r in before)) or "not there"
            changes.append(_change(Kind.VERDICT, row, shown, _shown(row)))
    return tuple(changes)


def _attainable(rows: Iterable[Row], report: Report) -> dict[tuple[str, str, str], Row]:
    """The rows by their keys, none with more bits over real operands than the dtype has.

    There it is luck to be exact, or to have more: other cases, or another processor, have less of
    it, and nothing broke.
    """
    most = {
        (check.name, check.dtype): check.expected_bits
        for check in report.checks
        if check.real and check.expected_bits is not None
    }
    return {row.key: _without_luck(row, most.get((row.check, row.dtype))) for row in rows}


def _without_luck(row: Row, most: float | None) -> Row:
    if most is None or row.verdict not in {Verdict.EXACT, Verdict.ROUNDED}:
        return row
    if row.verdict == Verdict.EXACT:
        return replace(row, verdict=Verdict.ROUNDED, bits=most, bound="componentwise")
    return row if row.bits is None else replace(row, bits=min(row.bits, most))


def _fails(row: Row, report: Report) -> bool:
    """Whether a row of a run is one that does not pass."""
    failures = FOUND if report.strict else FAILURES
    return row.verdict in failures and not row.known


def _cause(finding: Finding) -> tuple[object, ...]:
    """By which a fault is known again that other cases show: what fails, on which smallest case."""
    kind = finding.check, finding.verdict, finding.quantity, finding.dtype
    return *kind, finding.geometry, finding.layout


def _follows(
    row: Row, findings: Iterable[Finding], *before: Mapping[tuple[str, str, str], Row]
) -> bool:
    """Whether all that is found in a row is reported with other rows, which failed before."""
    return all(
        finding.check != row.check
        and any(
            (reported := rows.get((finding.check, row.dtype, row.device))) is not None
            and reported.verdict in FAILURES
            for rows in before
        )
        for finding in findings
    )


def updated(
    baseline: Baseline | None,
    report: Report,
    parameters: Parameters,
    *,
    margin: float = DEFAULT_MARGIN,
    accept_regressions: bool = False,
) -> Baseline:
    """The baseline that takes what improved and keeps what the report does not reach.

    Args:
        baseline: the one there is; None where this is the first.
        report: of a run with the baseline's seed.
        parameters: of that run.
        margin: as for ``compare``.
        accept_regressions: take what got worse, too.

    Raises:
        BaselineError: when the report is about another target.
    """
    fresh = baseline_of(report, parameters)
    if baseline is None or accept_regressions:
        return fresh
    comparison = compare(baseline, report, margin=margin)
    worse = {change.key for change in (*comparison.regressions, *comparison.known)}
    was = {row.key: row for row in baseline.rows}
    rows = {
        row.key: row if row.key not in was else _kept_bits(was[row.key], row)
        for row in fresh.rows
        if row.key not in worse
    }
    kept = {key: was[key] for key in worse if key in was}
    environment = baseline.environment if comparison.regressed else fresh.environment
    merged = tuple(sorted((rows | kept).values(), key=lambda row: row.key))
    return replace(fresh, environment=environment, rows=merged)


def _losses(was: Row, now: Row, margin: float, report: Report) -> Iterator[Change]:
    if is_worse(now.verdict, was.verdict):
        newly = Kind.UNSUPPORTED if now.verdict == Verdict.UNSUPPORTED else Kind.VERDICT
        yield _change(newly, now, _shown(was), _shown(now))
        return
    if now.verdict != was.verdict:
        return
    worse_bound = (was.bound, now.bound) == ("componentwise", "normwise")
    fewer_bits = was.bits is not None and now.bits is not None and now.bits < was.bits - margin
    if worse_bound or fewer_bits:
        yield _change(Kind.PRECISION, now, _shown(was), _shown(now))
    if was.unsupported == 0 and now.unsupported and now.verdict != Verdict.UNSUPPORTED:
        part = f"unsupported in {now.unsupported:,} of its cases"
        yield _change(Kind.UNSUPPORTED, now, "judged on all of its cases", part)
    judged = dict(now.families)
    for family, count in was.families:
        if count and not judged.get(family):
            one, several = f"{family} geometry", f"{family} geometries"
            missing = _missing(report, family) if report.was_cut else "on none"
            yield _change(Kind.FAMILY, now, f"judged on {counted(count, one, several)}", missing)


def _gains(was: Row, now: Row, margin: float) -> Iterator[Change]:
    more_bits = was.bits is not None and now.bits is not None and now.bits > was.bits + margin
    better_bound = (was.bound, now.bound) == ("normwise", "componentwise")
    if is_worse(was.verdict, now.verdict):
        yield _change(Kind.VERDICT, now, _shown(was), _shown(now))
    elif was.verdict == now.verdict and (more_bits or better_bound):
        yield _change(Kind.PRECISION, now, _shown(was), _shown(now))
    judged = dict(was.families)
    for family, count in now.families:
        if was.families and count and not judged.get(family):
            yield _change(Kind.FAMILY, now, f"judged on no {family} geometry", f"on {count}")


def _kept_bits(was: Row, now: Row) -> Row:
    """The better of the two, so that small losses do not add up over many updates."""
    if was.verdict == now.verdict and was.bits is not None and now.bits is not None:
        return replace(now, bits=max(was.bits, now.bits))
    return now


def _change(kind: Kind, row: Row, was: str, now: str) -> Change:
    return Change(kind, row.check, row.dtype, row.device, was, now)


def _shown(row: Row) -> str:
    if row.verdict != Verdict.ROUNDED:
        return row.verdict.value
    bits = "" if row.bits is None else f" with {row.bits:.1f} bits"
    bound = "" if row.bound is None else f" ({row.bound})"
    return f"{row.verdict.value}{bits}{bound}"


def _missing(report: Report, what: str = "") -> str:
    """Why a row or a family is not there: gone, or only not reached."""
    if report.was_cut:
        cut = f"{report.judged:,} of {report.planned:,} cases"
        return f"not reached: the run was cut after {cut}"
    return f"no {what}" if what else "judged in no case"


def _environment(was: Mapping[str, str], now: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    for key in sorted({*was, *now}):
        if was.get(key) != now.get(key):
            yield key, was.get(key, "nothing"), now.get(key, "nothing")


def _remarks(baseline: Baseline, report: Report) -> Iterator[str]:
    if report.seed != baseline.seed:
        yield f"The seed was {baseline.seed}, is {report.seed}: these are other cases."
    if report.planned != baseline.planned:
        yield (
            f"The plan had {baseline.planned:,} cases, has {report.planned:,}: another version of "
            "conv-reference or of the target, or other parameters."
        )
    if report.was_cut:
        yield f"The run was cut: {report.judged:,} of {report.planned:,} cases were judged."
