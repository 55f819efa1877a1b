"""What a verification hands back: verdicts, findings and the report, as plain data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What was seen, from best to worst."""

    EXACT = "exact"  # agrees bit for bit with the oracle
    ROUNDED = "rounded"  # not exact, within the derived rounding bound
    UNSUPPORTED = "unsupported"  # said so; neither right nor wrong
    RAISED = "raised"  # threw on a valid geometry
    WRONG = "wrong"  # outside the bound


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The worst of the verdicts; unsupported where there is none, for nothing was checked."""
    order = list(Verdict)
    return max(verdicts, key=order.index, default=Verdict.UNSUPPORTED)


@dataclass(frozen=True)
class Finding:
    """One discrepancy, on the smallest geometry that still shows it."""

    check: str
    dtype: str
    verdict: Verdict
    quantity: str  # Y, dX, dK or db
    geometry: str  # its text form
    layout: str
    seed: int
    index: tuple[int, ...]  # the first element that differs; () for a whole tensor
    expected: str
    actual: str
    explanation: str
    reproduce: str  # a command that shows the same finding
    known: str | None = None


@dataclass(frozen=True)
class CheckResult:
    """What one check saw in one dtype."""

    name: str
    dtype: str
    verdict: Verdict
    geometries: int  # judged
    effective_bits: float | None  # None where every element was exact
    miss_bound: float | None  # of one geometry's certificate, the weakest; None without one


@dataclass(frozen=True)
class Report:
    """The outcome of one run."""

    target: str
    environment: dict[str, str]
    seed: int
    require: Verdict  # the worst verdict that still counts as right: rounded or exact
    planned: int  # geometries
    judged: int  # fewer than planned where the budget cut the run
    checks: tuple[CheckResult, ...]
    findings: tuple[Finding, ...]

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of the checks that ran; unsupported when none did."""
        verdicts = (check.verdict for check in self.checks)
        return worst(verdict for verdict in verdicts if verdict != Verdict.UNSUPPORTED)

    @property
    def passed(self) -> bool:
        """Whether a check ran, and all that did are at least as good as required."""
        return self.verdict in {Verdict.EXACT, self.require}
