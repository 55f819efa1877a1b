"""What was not checked, and why: dtypes and checks that were refused, whole or in part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Set

from conv_reference.verification.model.judgement import without_what_differs
from conv_reference.verification.model.result import CheckResult, Report, Verdict
from conv_reference.verification.report.plain import counted, one_line

NO_DTYPE = "-"  # a row that no dtype was put to
_MOST_IN_PART = 6  # checks that are named of those that a reason keeps from some of their cases


def unsupported(report: Report) -> tuple[tuple[str, str], ...]:
    """What was not checked and why: a reason, and the checks that are not put because of it.

    Where a check was refused some of its cases alone, the reason says how many of how many; of
    many such checks the first are named.
    """
    whole = refused_dtypes(report)
    left = [check for check in report.checks if check.dtype not in whole]
    dtypes = {check.dtype for check in left} - {NO_DTYPE}
    alike: dict[str, str] = {}  # reasons that differ in sizes and dtypes alone are shown once
    refused: dict[tuple[str, str], list[CheckResult]] = {}
    for check in left:
        if check.unsupported or check.verdict == Verdict.UNSUPPORTED:
            said = one_line(check.reason) or "no reason given"
            reason = alike.setdefault(without_what_differs(said), said)
            refused.setdefault((reason, one_line(check.name)), []).append(check)
    reasons: dict[str, list[str]] = {}
    for dtype, reason in whole.items():
        reasons.setdefault(reason, []).append(one_line(dtype))
    parts: dict[str, list[list[CheckResult]]] = {}
    for (reason, name), results in refused.items():
        if all(check.verdict == Verdict.UNSUPPORTED for check in results):
            reasons.setdefault(reason, []).append(name + _in_dtypes(results, dtypes, " (", ")"))
        else:
            parts.setdefault(reason, []).append(results)
    for reason, checks in parts.items():
        reasons.setdefault(reason, []).extend(_in_part(checks, dtypes))
    return tuple((reason, ", ".join(names)) for reason, names in reasons.items())


def _in_part(checks: list[list[CheckResult]], dtypes: Set[str]) -> Iterator[str]:
    """Each check with the cases that were refused; of many the first, and the others together."""
    shown = checks if len(checks) <= _MOST_IN_PART + 1 else checks[:_MOST_IN_PART]
    for results in shown:
        where = _in_dtypes(results, dtypes, " in ", "")
        yield f"{one_line(results[0].name)} ({_refused(results)}{where})"
    others = checks[len(shown) :]
    if others:
        yield f"{len(others)} further checks ({_refused([c for own in others for c in own])})"


def _refused(results: list[CheckResult]) -> str:
    refused = sum(check.unsupported for check in results)
    judged = sum(check.cases for check in results if check.verdict != Verdict.UNSUPPORTED)
    return f"{refused:,} of {counted(judged + refused, 'case')}"


def _in_dtypes(results: list[CheckResult], dtypes: Set[str], before: str, behind: str) -> str:
    """The dtypes of the results, where those are not all."""
    among = list(dict.fromkeys(one_line(check.dtype) for check in results))
    if {*among} >= dtypes or among == [NO_DTYPE]:
        return ""
    return f"{before}{', '.join(among)}{behind}"


def refused_dtypes(report: Report) -> dict[str, str]:
    """The dtypes in which nothing was answered, mostly for this reason; not all that there are."""
    reasons: dict[str, Counter[str | None]] = {}
    for check in report.checks:
        if check.dtype != NO_DTYPE:
            refused = check.verdict == Verdict.UNSUPPORTED
            reasons.setdefault(check.dtype, Counter())[check.reason if refused else None] += 1
    found = {
        dtype: one_line(every.most_common(1)[0][0] or "no reason given")
        for dtype, every in reasons.items()
        if None not in every
    }
    return found if len(found) < len(reasons) else {}
