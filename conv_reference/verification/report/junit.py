"""The report as JUnit XML, which every CI system reads: each row of the checks a test case."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from conv_reference.verification.model.notes import Unjudged
from conv_reference.verification.model.result import CheckResult, Finding, Report, Verdict, worst
from conv_reference.verification.report._refused import NO_DTYPE
from conv_reference.verification.report.calling import calling
from conv_reference.verification.report.groups import places_of
from conv_reference.verification.report.plain import failed_on, one_line, printable
from conv_reference.verification.report.summary import (
    asked,
    headline,
    remarks,
)
from conv_reference.verification.report.table import is_right
from conv_reference.verification.report.text import render_findings
from conv_reference.verification.report.view import PLAIN, Top, View


@dataclass(frozen=True)
class Outcome:
    """How a case ended that did not simply pass."""

    tag: str  # failure, skipped or error
    kind: str
    message: str
    text: str = ""


SUFFIXES = (".xml",)


def render(report: Report, view: View = PLAIN) -> str:
    """The report as one suite: findings are failures; what is no failure of the run is skipped."""
    if view.top is not None:
        return _beneath(view.top, report)
    device = report.environment.get("device", "")
    cases = []
    for check, findings in _rows(report):
        words = (check.name, check.dtype, device)
        name = "-".join(word for word in words if word not in {NO_DTYPE, ""})
        cases.append(case(report, name, _outcome(report, check, findings)))
    cases += engine(report, report.unjudged)
    return suite(report, cases, [headline(report), *calling(report), *remarks(report)])


def _beneath(top: Top, report: Report) -> str:
    """A gate's suite: a case for each of its tests."""
    cases = []
    for test in top.tests:
        shown = render_findings(test.findings) if test.findings else ""
        tag = "failure" if test.fails else "skipped"
        outcome = Outcome(tag, test.kind, test.message, shown) if test.kind else None
        cases.append(case(report, test.name, outcome))
    cases += engine(report, top.unjudged)
    return suite(report, cases, [top.headline, top.footnote, *asked(report)])


def suite(report: Report, cases: Sequence[ET.Element], said: Sequence[str]) -> str:
    """The file: one suite with the report's seed and environment.

    Args:
        report: what it is about.
        cases: made by ``case``.
        said: lines that belong to no case.
    """
    name = one_line(report.target)
    outcomes = [child.tag for element in cases for child in element]
    counts = {
        "tests": str(len(cases)),
        "failures": str(outcomes.count("failure")),
        "errors": str(outcomes.count("error")),
        "skipped": str(outcomes.count("skipped")),
        "time": f"{report.seconds:.3f}" if math.isfinite(report.seconds) else "0",
    }
    root = ET.Element("testsuites", {"name": "conv-reference", **counts})
    made = ET.SubElement(root, "testsuite", {"name": name, **counts})
    properties = ET.SubElement(made, "properties")
    for key, value in {"seed": str(report.seed), **report.environment}.items():
        ET.SubElement(properties, "property", {"name": one_line(key), "value": one_line(value)})
    made.extend(cases)
    ET.SubElement(made, "system-out").text = printable("\n".join(said))
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def engine(report: Report, unjudged: Sequence[Unjudged]) -> list[ET.Element]:
    """A test case of its own for what the engine itself failed on; none where it did not."""
    if not unjudged:
        return []
    message = f"the engine itself failed on {failed_on(unjudged)}; please report it"
    said = "\n".join(map(str, unjudged))
    return [case(report, "engine", Outcome("error", "engine", message, said))]


def case(report: Report, name: str, outcome: Outcome | None) -> ET.Element:
    """One test case; without an outcome it passed."""
    names = {"classname": one_line(report.target), "name": one_line(name), "time": "0"}
    element = ET.Element("testcase", names)
    if outcome is not None:
        said = {"type": outcome.kind, "message": one_line(outcome.message)}
        ET.SubElement(element, outcome.tag, said).text = printable(outcome.text) or None
    return element


def _rows(report: Report) -> Iterator[tuple[CheckResult, list[Finding]]]:
    """Each row of the checks with its findings."""
    by_row: dict[tuple[str, str], list[Finding]] = {}
    for finding in report.findings:
        for place in places_of(finding):
            by_row.setdefault(place, []).append(finding)
    for check in report.checks:
        yield check, by_row.pop((check.name, check.dtype), [])
    for (name, dtype), findings in by_row.items():  # of rows that the table lacks: not to be lost
        known = all(finding.known is not None for finding in findings)
        verdict = worst(finding.verdict for finding in findings)
        yield CheckResult(name, dtype, verdict, 0, None, None, known=known), findings


def _outcome(report: Report, check: CheckResult, findings: list[Finding]) -> Outcome | None:
    if check.verdict == Verdict.UNSUPPORTED:
        return Outcome("skipped", "unsupported", check.reason or "no reason given")
    if check.verdict == Verdict.PERMISSIVE and not report.strict and not check.known:
        return Outcome(
            "skipped", "permissive", _message(check, findings), render_findings(findings)
        )
    if not is_right(check, report):
        unknown = [finding for finding in findings if finding.known is None]
        message = _message(check, unknown)
        return Outcome("failure", check.verdict.value, message, render_findings(unknown))
    if check.known:
        names = ", ".join(dict.fromkeys(f.known for f in findings if f.known))
        message = f"known defect: {names}" if names else "known defect"
        return Outcome("skipped", "known", message, render_findings(findings))
    return None


def _message(check: CheckResult, findings: list[Finding]) -> str:
    if check.verdict == Verdict.ROUNDED:
        return "rounded, where exact was required"
    if not findings:
        return check.verdict.value
    first = findings[0]
    return one_line(f"{first.quantity} on {first.geometry}: {first.explanation}")[:300]
