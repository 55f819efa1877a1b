"""The report as one JSON object, which `schema.json` beside this module describes.

Keys may be added, none removed: see ``SCHEMA``.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import asdict, replace
from functools import lru_cache
from importlib.resources import files
from typing import Any

from conv_reference.verification.model.result import CheckResult, Finding, Report
from conv_reference.verification.report.groups import groups
from conv_reference.verification.report.view import PLAIN, View

SCHEMA = 1
# Hashes of cases, which are those of one process.
_UNSAID: dict[str, Any] = {"cases": frozenset(), "cases_in_check": frozenset()}
_SURROGATE = re.compile("[\ud800-\udfff]")
# What moves a terminal's cursor or reorders what is read; below 0x20 JSON escapes it anyway.
_RAW = re.compile("[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


def render(report: Report, view: View = PLAIN) -> str:
    """The report as JSON, ending with a newline; apart from environment and times repeatable."""
    top = view.top
    if top is None or not top.key:
        return dumps(content(report))
    above = dict(top.content) | {"findings": [finding(found) for found in top.findings]}
    return dumps(content(report) | {top.key: above})


def content(report: Report) -> dict[str, Any]:
    """What the JSON says, as plain objects."""
    return {
        "schema": SCHEMA,
        "target": report.target,
        "verdict": report.verdict.value,
        "passed": report.passed,
        "environment": dict(report.environment),
        "seed": report.seed,
        "require": report.require.value,
        "strict": report.strict,
        "called_as": list(report.called_as),
        "convention": report.convention,
        "never_varied": list(report.never_varied),
        "own_defaults": list(report.own_defaults),
        "certified": report.certified,
        "computes": report.computes,
        "by_torch": list(report.by_torch),
        "by_torch_where": list(report.by_torch_where),
        "where": report.where,
        "refuses": list(report.refuses),
        "planned": report.planned,
        "judged": report.judged,
        "silent": report.silent,
        "refused": report.refused,
        "partly": report.partly,
        "unpromised": report.unpromised,
        "raising": report.raising,
        "spared": report.spared,
        "unreached": report.unreached,
        "interrupted": report.interrupted,
        "seconds": _number(report.seconds),
        "coverage": None if report.coverage is None else asdict(report.coverage),
        "checks": [_check(check) for check in report.checks],
        "findings": _findings(report.findings),
        "notes": [str(note) for note in report.notes],
        "stale": list(report.stale),
        "unexpected": list(report.unexpected),
        "unjudged": [str(unjudged) for unjudged in report.unjudged],
    }


def finding(found: Finding) -> dict[str, Any]:
    """One finding as a plain object."""
    said = asdict(replace(found, **_UNSAID))
    return {name: value for name, value in said.items() if name not in _UNSAID}


def _findings(findings: tuple[Finding, ...]) -> list[dict[str, Any]]:
    """Each with the number of its group: the other formats show those of one cause as one."""
    numbers = {id(found): group.number for group in groups(findings) for found in group.findings}
    return [finding(found) | {"group": numbers[id(found)]} for found in findings]


def dumps(value: Any) -> str:
    """Any plain object as JSON that every reader accepts, and every terminal bears.

    There is no NaN and no lone surrogate in it, and no control character is written as it is.
    """
    written = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    printable = _SURROGATE.sub(lambda match: f"\\\\u{ord(match[0]):04x}", written)
    return _RAW.sub(lambda match: f"\\u{ord(match[0]):04x}", printable) + "\n"


@lru_cache(maxsize=1)
def schema() -> dict[str, Any]:
    """The published JSON schema."""
    text = files(__package__).joinpath("schema.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def _check(check: CheckResult) -> dict[str, Any]:
    fields = asdict(check)
    for name in ("effective_bits", "expected_bits", "miss_bound"):
        fields[name] = _number(fields[name])
    fields["families"] = dict(check.families)
    return fields


def _number(value: float | None) -> float | None:
    """JSON knows no NaN and no infinity: null, as where there is no such number."""
    return value if value is not None and math.isfinite(value) else None
