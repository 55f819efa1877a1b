"""The regression gate: what broke since the baseline, distinguished from what was only found now.

First the baseline's own cases are run again, with the same seed and plan: where a verdict is
worse there, something broke. Then fresh cases are run: a fault that only they show was found,
and may always have been there. So the gate is never red at random without saying so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from conv_reference.verification.gate.baseline import Baseline
from conv_reference.verification.gate.comparison import (
    DEFAULT_MARGIN,
    Change,
    Comparison,
    compare,
    found,
)
from conv_reference.verification.model.notes import Unjudged
from conv_reference.verification.model.result import Finding, Report, Verdict
from conv_reference.verification.report.groups import places_of


class OnFound(StrEnum):
    """What a fault that fresh cases show does to the gate."""

    FAIL = "fail"
    WARN = "warn"


@dataclass(frozen=True)
class GateResult:
    """What the gate saw."""

    comparison: Comparison  # of the baseline with its repetition
    repeated: Report  # the baseline's own cases
    fresh: Report | None  # cases of another seed; None where the first run was interrupted
    found: tuple[Change, ...]
    on_found: OnFound = OnFound.FAIL

    @property
    def interrupted(self) -> bool:
        """Whether one of the runs was."""
        return self.fresh is None or self.fresh.interrupted

    @property
    def judged(self) -> bool:
        """Whether both runs judged anything: else nothing is known to hold."""
        runs = (self.repeated,) if self.fresh is None else (self.repeated, self.fresh)
        return all(run.judged and run.verdict != Verdict.UNSUPPORTED for run in runs)

    @property
    def unjudged(self) -> tuple[Unjudged, ...]:
        """The cases of both runs on which the engine itself failed."""
        return self.repeated.unjudged + (() if self.fresh is None else self.fresh.unjudged)

    @property
    def status(self) -> int:
        """The exit status: 1 where something broke, or was found and that is to fail.

        1, too, where nothing was judged. 2 where nothing broke, but the engine itself failed on
        some cases.
        """
        failed = bool(self.found) and self.on_found == OnFound.FAIL
        if self.comparison.regressed or failed or self.interrupted or not self.judged:
            return 1
        return 2 if self.unjudged else 0

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Those of what broke, then those of what was found; not those that were there before."""
        return self.broken_findings + self.found_findings

    @property
    def broken_findings(self) -> tuple[Finding, ...]:
        """Those of what broke."""
        return _of_rows(self.repeated, self.comparison.regressions)

    @property
    def found_findings(self) -> tuple[Finding, ...]:
        """Those of what was found."""
        there = _of_rows(self.repeated, self.comparison.appeared)
        return there + (() if self.fresh is None else _of_rows(self.fresh, self.found))


def run_gate(
    verify_once: Callable[[int], Report],
    baseline: Baseline,
    fresh_seed: int,
    on_found: OnFound = OnFound.FAIL,
    *,
    margin: float = DEFAULT_MARGIN,
) -> GateResult:
    """Run the baseline's cases, then fresh ones, and separate what broke from what was found.

    Args:
        verify_once: runs the baseline's plan with the seed that it is given.
        baseline: what held.
        fresh_seed: another seed than the baseline's.
        on_found: whether a fault that fresh cases show fails the gate, or warns.
        margin: bits by which precision may drop unnoticed.

    Raises:
        BaselineError: when the baseline is of another target.
        ValueError: when the fresh seed is the baseline's, or the margin is negative.
    """
    if fresh_seed == baseline.seed:
        raise ValueError(f"the fresh seed must be another than the baseline's, {fresh_seed}")
    repeated = verify_once(baseline.seed)
    comparison = compare(baseline, repeated, margin=margin)
    fresh = None if repeated.interrupted else verify_once(fresh_seed)
    more = () if fresh is None else found(baseline, repeated, fresh)
    return GateResult(comparison, repeated, fresh, (*comparison.appeared, *more), on_found)


def _of_rows(report: Report, changes: tuple[Change, ...]) -> tuple[Finding, ...]:
    rows = {(change.check, change.dtype) for change in changes}
    return tuple(
        finding
        for finding in report.findings
        if finding.known is None and not rows.isdisjoint(places_of(finding))
    )
