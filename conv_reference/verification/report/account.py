"""What became of each case that was put to a target, in one sentence whose numbers add up."""

from __future__ import annotations

from conv_reference.verification.model.result import Report
from conv_reference.verification.report.plain import counted


def account(report: Report) -> str:
    """What became of the cases that were judged, so that the numbers add up."""
    answered = f"{report.answered:,}" if report.answered else "none"
    have = "have a verdict" if report.answered > 1 else "has a verdict"
    left = "left its check nothing to compare"
    if report.silent != 1:
        left = "left their checks nothing to compare"
    parts = [
        f"{answered} {have}",
        *([_without_verdict(report)] if report.refused else []),
        *([f"{report.silent:,} {left}"] if report.silent else []),
    ]
    *first, last = parts
    each = f"{', '.join(first)} and {last}" if first else last
    more = f"; of those with a verdict {_in_part(report)}" if report.partly else ""
    return f"Of {counted(report.judged, 'case')} put to it {each}{more}."


def _in_part(report: Report) -> str:
    was = "part is" if report.partly == 1 else "parts are"
    return f"{report.partly:,} {was} unsupported"


def _without_verdict(report: Report) -> str:
    """How many are unsupported, as the first line counts them, and what of that is no lack."""
    kinds = (
        (report.unpromised, "asks for an optional feature", "ask for an optional feature"),
        (report.raising, "raises, as reported above", "raise, as reported above"),
        (report.spared, "too large for its pace", "too large for its pace"),
    )
    said = ", ".join(
        f"{number:,} {one if number == 1 else several}" for number, one, several in kinds if number
    )
    is_ = "is" if report.refused == 1 else "are"
    beside = f" ({said})" if said else ""
    return f"{report.refused:,} {is_} unsupported{beside}"
