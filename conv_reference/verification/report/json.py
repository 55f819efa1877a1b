"""The report as one JSON object; keys may be added, none removed."""

from __future__ import annotations

import json
from dataclasses import asdict

from conv_reference.verification.result import Report

SCHEMA = 1


def render(report: Report) -> str:
    """The report as JSON, ending with a newline."""
    content = {
        "schema": SCHEMA,
        "target": report.target,
        "verdict": report.verdict,
        "passed": report.passed,
        "environment": report.environment,
        "seed": report.seed,
        "require": report.require,
        "planned": report.planned,
        "judged": report.judged,
        "checks": [asdict(check) for check in report.checks],
        "findings": [asdict(finding) for finding in report.findings],
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"
