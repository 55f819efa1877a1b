"""What the gate saw, as what every format puts above its report."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from conv_reference.verification.gate.comparison import Change, Comparison, Kind
from conv_reference.verification.gate.gate import GateResult, OnFound
from conv_reference.verification.model.result import Finding, Report
from conv_reference.verification.report import markdown
from conv_reference.verification.report.groups import groups, places_of, rows_of
from conv_reference.verification.report.plain import counted, failed_on, one_line
from conv_reference.verification.report.summary import share
from conv_reference.verification.report.view import Item, Top, View


def view(result: GateResult) -> View:
    """How the report of the baseline's own cases is shown: beneath what changed."""
    return View(status=result.status, top=top(result))


def top(result: GateResult) -> Top:
    """What changed, above the report of the baseline's own cases; the findings are the gate's."""
    state = "wrong" if result.status else "unchecked" if result.found else "right"
    mark = {"wrong": "red", "unchecked": "warning", "right": "green"}[state]
    return Top(
        state=state,
        mark=mark,
        headline=headline(result),
        sections=list(_sections(result)),
        findings=result.findings,
        tests=list(_tests(result)),
        unjudged=result.unjudged,
        footnote=_seeds(result),
        key="gate",
        content=_content(result),
    )


def _tests(result: GateResult) -> Iterator[Item]:
    """A test for each change: what broke fails, what was found fails or is skipped."""
    yield Item("held")
    for kind, changes in (("broken", result.comparison.regressions), ("found", result.found)):
        for change in changes:
            place = change.check, change.dtype
            yield Item(
                name="-".join((kind, change.check, change.dtype, change.device)),
                kind=kind,
                message=one_line(str(change)),
                findings=[f for f in result.findings if place in places_of(f)],
                fails=kind == "broken" or result.on_found == OnFound.FAIL,
            )


def commands(result: GateResult) -> list[str]:
    """Workflow commands: what broke is an error, what was found is one where the gate fails."""
    level = "error" if result.on_found == OnFound.FAIL else "warning"
    broken = replace(result.repeated, findings=result.broken_findings, strict=True)
    more = replace(result.repeated, findings=result.found_findings)
    return markdown.annotations(broken) + markdown.annotations(more, level)


def headline(result: GateResult) -> str:
    """The gate's verdict in one line: faults are counted, each of which may show in many rows."""
    broken, more = result.comparison.regressions, result.found
    parts = []
    if broken:
        number = _faults(broken, result.broken_findings)
        regressions = counted(number, "regression")
        parts.append(f"BROKEN: {regressions} against the baseline{_in_rows(broken, number)}")
    if more:
        word = "FOUND" if result.on_found == OnFound.FAIL else "warning"
        number = _faults(more, result.found_findings)
        fault = f"{counted(number, 'fault')} that may always have been there"
        parts.append(f"{word}: {fault}{_in_rows(more, number)}")
    if result.interrupted:
        parts.append("interrupted: this is what is known so far")
    elif not result.judged:
        parts.append("nothing was judged, so nothing is known to hold")
    if result.unjudged:
        parts.append(f"the engine itself failed on {failed_on(result.unjudged)}")
    return "; ".join(parts) or _green(result)


def _green(result: GateResult) -> str:
    """What holds, and on how much of what there was that was judged."""
    comparison = result.comparison
    failing, unsupported = len(comparison.failing), comparison.unsupported
    already = f", {failing:,} of them failing already" if failing else ""
    not_judged = f", {unsupported:,} more unsupported as before" if unsupported else ""
    assert result.fresh is not None  # else it was interrupted
    own = _judged(result.repeated, "of its cases")
    fresh = _judged(result.fresh, "fresh cases") + ("," if result.fresh.refused else "")
    return (
        f"green: {counted(comparison.held - unsupported, 'row')} hold as in the baseline{already}"
        f"{not_judged}, on {own}, and {fresh} found nothing"
    )


def _judged(report: Report, cases: str) -> str:
    """How many of the planned cases were judged, and how many of those were refused."""
    refused = f", {report.refused:,} of them refused" if report.refused else ""
    return f"{share(report.judged, report.planned)} {cases}{refused}"


def _faults(changes: Sequence[Change], findings: Sequence[Finding]) -> int:
    """The causes of the findings, and the checks that changed without one.

    What is not judged any more beside a finding in its dtype is no fault of its own: an earlier
    step fails there.
    """
    with_finding = {row for finding in findings for row in rows_of(finding)}
    failing = {finding.dtype for finding in findings}
    apart = (c for c in changes if not (c.kind in _NOT_JUDGED and c.dtype in failing))
    return len(groups(findings)) + len({c.check for c in apart if c.check not in with_finding})


_NOT_JUDGED = {Kind.UNSUPPORTED, Kind.DISAPPEARED}


def _in_rows(changes: Sequence[Change], faults: int) -> str:
    return f", in {counted(len(changes), 'row')}" if len(changes) > faults else ""


def _sections(result: GateResult) -> Iterator[tuple[str, list[str]]]:
    comparison = result.comparison
    with_finding = {finding.check for finding in result.findings}
    changes: tuple[tuple[str, Iterable[Change]], ...] = (
        ("Broke, on the baseline's own cases", comparison.regressions),
        ("Found, where the baseline showed nothing", result.found),
        ("Failing already in the baseline", comparison.failing),
        ("Worse by known defects alone", comparison.known),
        ("Better, and --update-baseline takes it", comparison.improvements),
    )
    for title, listed in changes:
        yield title, list(_lines(listed, with_finding))
    unjudged = [one_line(str(unjudged)) for unjudged in result.unjudged]
    yield "Not judged, for the engine itself failed; please report it", unjudged
    yield "The environment changed", list(_environment(comparison))
    yield "Note", [one_line(remark) for remark in comparison.remarks]


def _lines(changes: Iterable[Change], with_finding: Collection[str]) -> Iterator[str]:
    """A line for each change, its dtypes together; first the checks of the findings."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for change in sorted(changes, key=lambda change: change.check not in with_finding):
        key = (change.check, change.device, change.was, change.now)
        alike.setdefault(key, []).append(change.dtype)
    as_before: dict[tuple[str, ...], list[str]] = {}  # what is no news is told of many at once
    for (check, device, was, now), dtypes in alike.items():
        where = f"in {', '.join(dtypes)} on {device}"
        if was == now:
            as_before.setdefault((where, now), []).append(check)
        else:
            yield one_line(f"{check} {where}: was {was}, is {now}")
    for (where, now), checks in as_before.items():
        more = [f"{len(checks) - _MOST_NAMED} more"] if len(checks) > _MOST_NAMED else []
        names = ", ".join([*checks[:_MOST_NAMED], *more])
        yield one_line(
            f"{names} {where}: {now}, as {'it was' if len(checks) == 1 else 'they were'}"
        )


_MOST_NAMED = 6  # checks that fail as they did, of one verdict


def _environment(comparison: Comparison) -> Iterator[str]:
    for key, was, now in comparison.environment:
        yield one_line(f"{key}: was {was}, is {now}")


def _seeds(result: GateResult) -> str:
    fresh = "none" if result.fresh is None else f"seed {result.fresh.seed}"
    return f"baseline's cases: seed {result.repeated.seed}; fresh cases: {fresh}"


def _content(result: GateResult) -> dict[str, Any]:
    comparison = result.comparison
    return {
        "status": result.status,
        "on_found": result.on_found.value,
        "interrupted": result.interrupted,
        "broken": _changes(comparison.regressions),
        "found": _changes(result.found),
        "improved": _changes(comparison.improvements),
        "known": _changes(comparison.known),
        "held": comparison.held,
        "failing": _changes(comparison.failing),
        "environment": [
            {"key": key, "was": was, "is": now} for key, was, now in comparison.environment
        ],
        "remarks": list(comparison.remarks),
        "unjudged": [str(unjudged) for unjudged in result.unjudged],
        "seed": result.repeated.seed,
        "fresh_seed": None if result.fresh is None else result.fresh.seed,
    }


def _changes(changes: Iterable[Change]) -> list[dict[str, str]]:
    return [
        {
            "kind": change.kind.value,
            "check": change.check,
            "dtype": change.dtype,
            "device": change.device,
            "was": change.was,
            "is": change.now,
        }
        for change in changes
    ]
