"""The report as SARIF 2.1.0, which code scanning reads: each fault an alert beside the code.

What is known is suppressed, and what was not judged is a notification: a file without results
says that nothing is wrong only where its invocation was successful.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from typing import Any
from urllib.parse import quote

from conv_reference.verification.model.result import Finding, Report, Verdict
from conv_reference.verification.reading import catalogue
from conv_reference.verification.report._source import source
from conv_reference.verification.report.derivation import derivation
from conv_reference.verification.report.groups import Group, groups
from conv_reference.verification.report.json import dumps
from conv_reference.verification.report.plain import one_line, printable
from conv_reference.verification.report.summary import headline
from conv_reference.verification.report.view import PLAIN, Top, View

SUFFIXES = (".sarif",)
SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_MOST_RESULTS = 5_000  # of one run: GitHub keeps no more
# Of a message "[text](address)" is a link.
_LINK = re.compile(r"\](?=\()")


def render(report: Report, view: View = PLAIN) -> str:
    """The report as one run of one tool."""
    return dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [_run(report, view.top)]})


def _run(report: Report, top: Top | None) -> dict[str, Any]:
    gathered = groups(report.findings if top is None else top.findings)[:_MOST_RESULTS]
    rules = [*dict.fromkeys(one_line(group.first.check) for group in gathered)]
    path, line = source(report.target)
    return {
        "tool": {"driver": _driver(rules, report)},
        # Runs on different targets stand beside one another, and do not replace each other.
        "automationDetails": {"id": f"conv-reference/{one_line(report.target)}/"},
        "columnKind": "unicodeCodePoints",
        "invocations": [_invocation(report, top)],
        "results": [
            _result(group, report, rules, _place(path, line, report)) for group in gathered
        ],
        "properties": {
            "target": one_line(report.target),
            "seed": report.seed,
            "verdict": report.verdict.value,
            "environment": {key: one_line(value) for key, value in report.environment.items()},
        },
    }


def _driver(rules: Iterable[str], report: Report) -> dict[str, Any]:
    return {
        "name": "conv-reference",
        "version": one_line(report.environment.get("conv-reference", "unknown")),
        "rules": [_rule(name) for name in rules],
    }


def _rule(name: str) -> dict[str, Any]:
    entry = next((entry for entry in catalogue.entries() if entry.name == name), None)
    if entry is None:
        return {"id": name, "name": name, "shortDescription": {"text": name}}
    fault = f"It stands for a real fault: {entry.fault}."
    return {
        "id": name,
        "name": name,
        "shortDescription": {"text": entry.asserts},
        "fullDescription": {"text": f"{entry.asserts} {entry.why}"},
        "help": {"text": f"{entry.asserts} {entry.why} {fault}"},
        "properties": {"tags": ["correctness", "convolution", entry.group]},
    }


def _invocation(report: Report, top: Top | None) -> dict[str, Any]:
    """Not successful where too little was judged to say that nothing is wrong."""
    said = headline(report) if top is None else top.headline
    failed = [*report.unjudged, *(top.unjudged if top is not None else ())]
    whole = not (failed or report.interrupted or report.is_barely_tried)
    judged = report.verdict != Verdict.UNSUPPORTED
    sections = () if top is None else top.sections
    changed = [f"{title}: {line}" for title, lines in sections for line in lines]
    return {
        "executionSuccessful": whole and judged,
        "toolExecutionNotifications": [
            {
                "level": "note" if whole and judged else "error",
                "message": _message(f"{report.target}: {said}"),
            },
            *({"level": "warning", "message": _message(line)} for line in changed),
            *({"level": "error", "message": _message(str(each))} for each in failed),
        ],
    }


def _place(path: str, line: int, report: Report) -> dict[str, Any]:
    return {
        "physicalLocation": {
            "artifactLocation": {"uri": quote(path, safe="/")},
            "region": {"startLine": line},
        },
        "logicalLocations": [{"fullyQualifiedName": one_line(report.target)}],
    }


def _result(
    group: Group, report: Report, rules: Sequence[str], place: dict[str, Any]
) -> dict[str, Any]:
    first = group.first
    rule = one_line(first.check)
    result = {
        "ruleId": rule,
        "ruleIndex": rules.index(rule),
        "level": _level(first, report),
        "message": _message("\n\n".join(_paragraphs(group))),
        "locations": [place],
        "partialFingerprints": {"convReference/v1": _fingerprint(first, report)},
        "properties": {
            "verdict": first.verdict.value,
            "dtypes": [*dict.fromkeys(one_line(f.dtype) for f in group.findings)],
            "quantity": one_line(first.quantity),
            "geometry": one_line(first.geometry),
            "layout": one_line(first.layout),
            "reproduce": printable(first.reproduce),
            "cases": group.occurrences,
        },
    }
    if first.known is not None:
        known = {"kind": "external", "justification": f"a known defect: {one_line(first.known)}"}
        result["suppressions"] = [known]
    return result


def _paragraphs(group: Group) -> Iterator[str]:
    first = group.first
    yield f"{first.word}: {group.title}"
    yield printable(first.explanation).strip("\n")
    if first.grids:
        yield printable(first.grids).strip("\n")
    if first.cause:
        yield one_line(first.cause)
    yield f"Seen in {group.extent}. {one_line(first.circumstances)}".strip()
    if first.reproduce:
        yield f"To see it again: {one_line(first.reproduce)}"
    if first.known is None and derivation(first):
        yield f"What it should be, derived: {derivation(first)}"


def _level(first: Finding, report: Report) -> str:
    if first.known is not None:
        return "note"
    return "warning" if first.verdict == Verdict.PERMISSIVE and not report.strict else "error"


def _fingerprint(first: Finding, report: Report) -> str:
    """The same for the same fault in the next run, whatever cases that draws."""
    parts = (report.target, first.check, first.quantity, first.verdict, first.known or "")
    return sha256("\0".join(map(one_line, parts)).encode("utf-8", "replace")).hexdigest()


def _message(text: str) -> dict[str, str]:
    return {"text": _LINK.sub("] ", printable(text))}
