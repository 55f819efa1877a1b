"""What the gate saw, for a person, for a pull request and for a machine."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from conv_reference.verification.gate.comparison import Change, Comparison
from conv_reference.verification.gate.gate import GateResult, OnFound
from conv_reference.verification.report import html, json, junit, markdown, text
from conv_reference.verification.report._groups import rows_of
from conv_reference.verification.report._plain import one_line
from conv_reference.verification.report._summary import counted


def render_text(result: GateResult) -> str:
    """The gate's verdict first, then what changed, then the findings that belong to it."""
    return "\n".join(_text(result)).rstrip("\n") + "\n"


def render_markdown(result: GateResult) -> str:
    """The same for the summary of a pull request."""
    return "\n\n".join(_markdown(result)) + "\n"


def render_json(result: GateResult) -> str:
    """The report of the baseline's own cases, with a key "gate"; the findings are the gate's."""
    content = json.content(result.repeated)
    findings = [json.finding(finding) for finding in result.findings]
    return json.dumps(content | {"gate": _content(result) | {"findings": findings}})


def render_html(result: GateResult) -> str:
    """One page: what changed above the table of the baseline's own cases."""
    state = "wrong" if result.status else "unchecked" if result.found else "right"
    mark = {"wrong": "red", "unchecked": "warning", "right": "green"}[state]
    sections = [*_sections(result), ("Seeds", [_seeds(result)])]
    top = html.Top(state, mark, headline(result), sections, result.findings)
    return html.page(result.repeated, top)


def render_junit(result: GateResult) -> str:
    """A case for each change: what broke fails, what was found fails or is skipped."""
    report = result.repeated
    cases = [junit.case(report, "held", None)]
    for kind, changes in (("broken", result.comparison.regressions), ("found", result.found)):
        warned = kind == "found" and result.on_found == OnFound.WARN
        for change in changes:
            shown = [f for f in result.findings if f.dtype == change.dtype]
            shown = [f for f in shown if change.check in rows_of(f)]
            outcome = junit.Outcome(
                "skipped" if warned else "failure",
                kind,
                one_line(str(change)),
                text.render_findings(shown),
            )
            name = "-".join((kind, change.check, change.dtype, change.device))
            cases.append(junit.case(report, name, outcome))
    cases += junit.engine(report, result.unjudged)
    return junit.suite(report, cases, [headline(result), _seeds(result)])


def commands(result: GateResult) -> list[str]:
    """Workflow commands: what broke is an error, what was found is one where the gate fails."""
    level = "error" if result.on_found == OnFound.FAIL else "warning"
    broken = replace(result.repeated, findings=result.broken_findings)
    more = replace(result.repeated, findings=result.found_findings)
    return markdown.annotations(broken) + markdown.annotations(more, level)


#: Every format, as the gate writes it.
RENDERERS: Mapping[str, Callable[[GateResult], str]] = {
    "html": render_html,
    "json": render_json,
    "junit": render_junit,
    "markdown": render_markdown,
    "text": render_text,
}


def headline(result: GateResult) -> str:
    """The gate's verdict in one line."""
    broken, more = len(result.comparison.regressions), len(result.found)
    parts = []
    if broken:
        parts.append(f"BROKEN: {counted(broken, 'regression')} against the baseline")
    if more:
        word = "FOUND" if result.on_found == OnFound.FAIL else "warning"
        fault = f"{counted(more, 'fault')} that may always have been there"
        parts.append(f"{word}: {fault}")
    if result.interrupted:
        parts.append("interrupted: this is what is known so far")
    if result.unjudged:
        parts.append(f"the engine itself failed on {counted(len(result.unjudged), 'case')}")
    held = counted(result.comparison.held, "row")
    return (
        "; ".join(parts) or f"green: {held} hold as in the baseline, and fresh cases found nothing"
    )


def _sections(result: GateResult) -> Iterator[tuple[str, list[str]]]:
    comparison = result.comparison
    told = {finding.check for finding in result.findings}
    changes: tuple[tuple[str, Iterable[Change]], ...] = (
        ("Broke, on the baseline's own cases", comparison.regressions),
        ("Found, where the baseline showed nothing", result.found),
        ("Worse by known defects alone", comparison.known),
        ("Better, and --update-baseline takes it", comparison.improvements),
    )
    for title, listed in changes:
        yield title, list(_lines(listed, told))
    unjudged = [one_line(str(unjudged)) for unjudged in result.unjudged]
    yield "Not judged, for the engine itself failed; please report it", unjudged
    yield "The environment changed", list(_environment(comparison))
    yield "Note", [one_line(remark) for remark in comparison.remarks]


def _lines(changes: Iterable[Change], told: Collection[str]) -> Iterator[str]:
    """A line for each change, its dtypes together; first the checks that a finding is told with."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for change in sorted(changes, key=lambda change: change.check not in told):
        key = (change.check, change.device, change.was, change.now)
        alike.setdefault(key, []).append(change.dtype)
    for (check, device, was, now), dtypes in alike.items():
        yield one_line(f"{check} in {', '.join(dtypes)} on {device}: was {was}, is {now}")


def _environment(comparison: Comparison) -> Iterator[str]:
    for key, was, now in comparison.environment:
        yield one_line(f"{key}: was {was}, is {now}")


def _seeds(result: GateResult) -> str:
    fresh = "none" if result.fresh is None else f"seed {result.fresh.seed}"
    return f"baseline's cases: seed {result.repeated.seed}; fresh cases: {fresh}"


def _text(result: GateResult) -> Iterator[str]:
    yield f"{one_line(result.repeated.target)}: {headline(result)}"
    yield ""
    for title, lines in _sections(result):
        if lines:
            yield f"{title}:"
            yield from (f"  {line}" for line in lines)
            yield ""
    if result.findings:
        yield text.render_findings(result.findings)
    yield _seeds(result)


def _markdown(result: GateResult) -> Iterator[str]:
    mark = "❌" if result.status else "⚠️" if result.found else "✅"
    target = markdown.code(result.repeated.target)
    yield f"### {mark} {target}: {headline(result)}"
    for title, lines in _sections(result):
        if lines:
            yield f"**{title}**"
            yield "\n".join(f"- {markdown.code(line)}" for line in lines)
    if result.findings:
        yield from markdown.details(result.findings)
    yield f"<sub>{_seeds(result)}</sub>"


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
