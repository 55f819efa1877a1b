"""The report as JUnit XML, which every CI system reads: each row of the checks a test case."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree as ET

from conv_reference.verification.report._groups import rows_of
from conv_reference.verification.report._plain import one_line, printable
from conv_reference.verification.report._summary import (
    NO_DTYPE,
    headline,
    is_right,
    remarks,
)
from conv_reference.verification.report.text import render_findings
from conv_reference.verification.result import CheckResult, Finding, Report, Verdict, worst


def render(report: Report) -> str:
    """The report as one suite: findings are failures, what is unsupported or known is skipped."""
    device = report.environment.get("device", "")
    name = one_line(report.target)
    cases = list(_cases(report, name, device))
    outcomes = [child.tag for case in cases for child in case]
    counts = {
        "tests": str(len(cases)),
        "failures": str(outcomes.count("failure")),
        "errors": "0",
        "skipped": str(outcomes.count("skipped")),
        "time": f"{report.seconds:.3f}" if report.seconds < float("inf") else "0",
    }
    root = ET.Element("testsuites", {"name": "conv-reference", **counts})
    suite = ET.SubElement(root, "testsuite", {"name": name, **counts})
    properties = ET.SubElement(suite, "properties")
    for key, value in {"seed": str(report.seed), **report.environment}.items():
        ET.SubElement(properties, "property", {"name": one_line(key), "value": one_line(value)})
    suite.extend(cases)
    said = "\n".join((headline(report), *remarks(report)))
    ET.SubElement(suite, "system-out").text = printable(said)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _cases(report: Report, target: str, device: str) -> Iterator[ET.Element]:
    by_row: dict[tuple[str, str], list[Finding]] = {}
    for finding in report.findings:
        for row in rows_of(finding):
            by_row.setdefault((row, finding.dtype), []).append(finding)
    for check in report.checks:
        yield _case(report, target, device, check, by_row.pop((check.name, check.dtype), []))
    for (name, dtype), findings in by_row.items():  # of rows that the table lacks: not to be lost
        known = all(finding.known is not None for finding in findings)
        verdict = worst(finding.verdict for finding in findings)
        check = CheckResult(name, dtype, verdict, 0, None, None, known=known)
        yield _case(report, target, device, check, findings)


def _case(
    report: Report, target: str, device: str, check: CheckResult, findings: list[Finding]
) -> ET.Element:
    where = "-".join(one_line(w) for w in (check.name, check.dtype, device) if w != NO_DTYPE and w)
    case = ET.Element("testcase", {"classname": target, "name": where, "time": "0"})
    if check.verdict == Verdict.UNSUPPORTED:
        reason = one_line(check.reason) or "no reason given"
        ET.SubElement(case, "skipped", {"type": "unsupported", "message": reason})
    elif check.known and is_right(check, report):
        names = ", ".join(dict.fromkeys(one_line(f.known) for f in findings if f.known))
        message = f"known defect: {names}" if names else "known defect"
        skipped = ET.SubElement(case, "skipped", {"type": "known", "message": message})
        skipped.text = render_findings(findings)
    elif not is_right(check, report):
        unknown = [finding for finding in findings if finding.known is None]
        ET.SubElement(
            case, "failure", {"type": check.verdict.value, "message": _message(check, unknown)}
        ).text = render_findings(unknown)
    return case


def _message(check: CheckResult, findings: list[Finding]) -> str:
    if check.verdict == Verdict.ROUNDED:
        return "rounded, where exact was required"
    if not findings:
        return check.verdict.value
    first = findings[0]
    return one_line(f"{first.quantity} on {first.geometry}: {first.explanation}")[:300]
