"""The report for a person: the verdict first, then the checks, then each finding."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from conv_reference.verification.result import CheckResult, Finding, Report, Verdict

_ASSUMPTION = (
    "A fault in an exact quantity passes one geometry's balanced trial with at most the\n"
    "probability shown, if the implementation computes a bilinear map, too."
)
_NOT_CHECKED = (
    "Not checked: memory layouts, second derivatives, forward mode, vmap, non-finite\n"
    "values, repeated calls."
)


def render(report: Report) -> str:
    """The report as text of at most 100 columns, commands aside."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    yield f"{report.target}: {_headline(report)}"
    yield ""
    yield _table_row("check", "dtype", "verdict", "geometries", "effective bits", "miss bound")
    yield from (_row(check) for check in report.checks)
    yield ""
    for alike in _grouped(report.findings):
        yield from _finding(alike)
    if any(check.miss_bound is not None for check in report.checks):
        yield _ASSUMPTION
    yield _NOT_CHECKED
    if report.judged < report.planned:
        yield f"The budget cut the run: {report.judged} of {report.planned} geometries were judged."
    environment = ", ".join(f"{key} {value}" for key, value in report.environment.items())
    yield f"seed {report.seed}; {environment}"


def _headline(report: Report) -> str:
    if report.passed:
        exact = report.verdict == Verdict.EXACT
        word = "bit for bit" if exact else "within the rounding bound"
        unsupported = {c.name for c in report.checks if c.verdict == Verdict.UNSUPPORTED}
        exception = f" (not checked: {', '.join(sorted(unsupported))})" if unsupported else ""
        return f"right, {word}, on {report.judged} geometries{exception}"
    if report.verdict == Verdict.ROUNDED:
        return f"not exact, which was required, on {report.judged} geometries"
    if not report.findings:
        return "nothing was checked"
    count = len(report.findings)
    return f"{report.verdict} ({count} finding{'s' if count > 1 else ''})"


def _row(check: CheckResult) -> str:
    bits = "" if check.effective_bits is None else f"{check.effective_bits:.1f}"
    miss = "" if check.miss_bound is None else f"{check.miss_bound:.1e}"
    return _table_row(check.name, check.dtype, check.verdict, str(check.geometries), bits, miss)


def _table_row(
    name: str, dtype: str, verdict: str, geometries: str, bits: str, miss_bound: str
) -> str:
    left = f"  {name:<12} {dtype:<9} {verdict:<12}"
    return f"{left} {geometries:>10}  {bits:>14}  {miss_bound:>10}".rstrip()


def _grouped(findings: Iterable[Finding]) -> list[list[Finding]]:
    """Findings with one cause, together: the same in another dtype, or thrown by one call."""
    groups: dict[tuple[str, ...], list[Finding]] = {}
    for finding in findings:
        what = finding.explanation if finding.verdict == Verdict.RAISED else finding.quantity
        groups.setdefault((finding.verdict, finding.geometry, what), []).append(finding)
    return list(groups.values())


def _finding(alike: Sequence[Finding]) -> Iterator[str]:
    first = alike[0]
    index = str(list(first.index)).replace(" ", "") if first.index else ""
    quantities = ", ".join(dict.fromkeys(finding.quantity for finding in alike))
    yield f"{first.verdict.upper()}: {quantities}{index} in {first.dtype} on {first.geometry}"
    yield f"  {first.explanation}"
    others = ", ".join(dict.fromkeys(f.dtype for f in alike if f.dtype != first.dtype))
    if others:
        yield f"  and likewise in {others}"
    yield f"  {first.reproduce}"
    yield ""
