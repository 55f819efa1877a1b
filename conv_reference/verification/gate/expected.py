"""Failures that a file expects: they fail no run; what passes all the same does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from conv_reference.verification.model.result import FOUND, CheckResult, Finding, Report, Verdict
from conv_reference.verification.reading.patterns import Pattern, identifier
from conv_reference.verification.report.groups import places_of


def expecting(report: Report, patterns: Sequence[Pattern]) -> Report:
    """The report where the patterns' rows are expected to fail.

    Args:
        report: of a run.
        patterns: of rows in dtypes, each with its reason.
    """
    reasons = {
        (check.name, check.dtype): pattern.reason
        for check in report.checks
        if (pattern := _of(check, report, patterns)) is not None
    }
    findings = tuple(_expected(finding, reasons) for finding in report.findings)
    checks = tuple(
        replace(check, known=True)
        if (check.name, check.dtype) in reasons and check.verdict in FOUND
        else check
        for check in report.checks
    )
    unexpected = tuple(_passing(report.checks, reasons))
    return replace(report, checks=checks, findings=findings, unexpected=unexpected)


def unmatched(report: Report, patterns: Sequence[Pattern]) -> Iterator[str]:
    """The patterns that mean no row of the report."""
    for pattern in patterns:
        if not any(pattern.matches(_identifier(check, report)) for check in report.checks):
            yield pattern.text


def _expected(finding: Finding, reasons: dict[tuple[str, str], str]) -> Finding:
    """The finding as one that is known, where every row in which it shows is expected to fail."""
    places = places_of(finding)
    if finding.known is not None or not all(place in reasons for place in places):
        return finding
    return replace(finding, known=f"expected to fail: {reasons[places[0]]}")


def _of(check: CheckResult, report: Report, patterns: Sequence[Pattern]) -> Pattern | None:
    return next((p for p in patterns if p.matches(_identifier(check, report))), None)


def _passing(checks: Sequence[CheckResult], reasons: dict[tuple[str, str], str]) -> Iterator[str]:
    for check in checks:
        place = check.name, check.dtype
        judged = check.verdict not in FOUND and check.verdict != Verdict.UNSUPPORTED
        if judged and place in reasons:
            yield f"{check.name} in {check.dtype}: {reasons[place]}"


def _identifier(check: CheckResult, report: Report) -> str:
    return identifier(check.name, check.dtype, report.environment.get("device", "cpu"))
