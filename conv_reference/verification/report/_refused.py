"""What was not checked, and why: refused in whole or in part, or not put at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Set

from conv_reference.verification.model.judgement import without_what_differs
from conv_reference.verification.model.result import (
    LEAST_ANSWERED,
    CheckResult,
    Report,
    Verdict,
)
from conv_reference.verification.report.plain import counted, one_line

NO_DTYPE = "-"  # a row that no dtype was put to
_MOST_IN_PART = 6  # checks that are named of those that a reason keeps from some of their cases


def unsupported(report: Report) -> tuple[tuple[str, str], ...]:
    """What was put to it and not judged, and why: a reason, and the checks that it keeps from it.

    In how many cases stands beside them: all these numbers together are those of the report's
    account. Where a check was refused some of its cases alone, it says of how many; of many such
    checks the first are named.
    """
    whole = _mostly_refused_dtypes(report)
    put = [check for check in report.checks if check.dtype != NO_DTYPE]
    left = [check for check in put if check.dtype not in whole]
    dtypes = {check.dtype for check in left}
    alike: dict[str, str] = {}  # reasons that differ in sizes and dtypes alone are shown once
    refused: dict[tuple[str, str], list[CheckResult]] = {}
    for check in left:
        if check.unsupported or check.verdict == Verdict.UNSUPPORTED:
            said = one_line(check.reason) or "no reason given"
            reason = alike.setdefault(without_what_differs(said), said)
            refused.setdefault((reason, one_line(check.name)), []).append(check)
    reasons: dict[str, list[str]] = {}
    for dtype, reason in whole.items():
        own = [check for check in put if check.dtype == dtype]
        some = any(check.verdict != Verdict.UNSUPPORTED for check in own)
        cases = f" ({_refused(own)})" if some else _beside(sum(c.unsupported for c in own))
        reasons.setdefault(reason, []).append(f"{one_line(dtype)}{cases}")
    wholly: dict[str, list[list[CheckResult]]] = {}
    parts: dict[str, list[list[CheckResult]]] = {}
    for (reason, _), results in refused.items():
        is_whole = all(check.verdict == Verdict.UNSUPPORTED for check in results)
        (wholly if is_whole else parts).setdefault(reason, []).append(results)
    for reason, checks in wholly.items():
        reasons.setdefault(reason, []).extend(_as_a_whole(checks, dtypes))
    for reason, checks in parts.items():
        reasons.setdefault(reason, []).extend(_in_part(checks, dtypes))
    return tuple((reason, ", ".join(names)) for reason, names in reasons.items())


def not_put(report: Report) -> tuple[tuple[str, str], ...]:
    """What cannot be asked of it, and was not: a reason, and the checks."""
    reasons: dict[str, dict[str, None]] = {}
    for check in report.checks:
        if check.dtype == NO_DTYPE and check.verdict == Verdict.UNSUPPORTED:
            reason = one_line(check.reason) or "no reason given"
            reasons.setdefault(reason, {})[one_line(check.name)] = None
    return tuple((reason, ", ".join(names)) for reason, names in reasons.items())


def _as_a_whole(checks: list[list[CheckResult]], dtypes: Set[str]) -> Iterator[str]:
    """The checks of which nothing was judged, with their cases: those of the same dtypes at once.

    Args:
        checks: the results of each.
        dtypes: of the run.
    """
    alike: dict[str, list[list[CheckResult]]] = {}
    for results in checks:
        alike.setdefault(_in_dtypes(results, dtypes), []).append(results)
    for where, those in alike.items():
        names = ", ".join(one_line(results[0].name) for results in those)
        number = sum(check.unsupported for results in those for check in results)
        yield names + _beside(number, where, together=len(those) > 1)


def _beside(number: int, where: str = "", *, together: bool = False) -> str:
    """What stands behind names: `` (together 12 cases in float32)``."""
    if not number:
        return f" ({where.removeprefix('in ')})" if where else ""
    words = ("together" if together else "", counted(number, "case"), where)
    return f" ({' '.join(filter(None, words))})"


def _in_part(checks: list[list[CheckResult]], dtypes: Set[str]) -> Iterator[str]:
    """Each check with the cases that were refused; of many the first, and the others together."""
    shown = checks if len(checks) <= _MOST_IN_PART + 1 else checks[:_MOST_IN_PART]
    for results in shown:
        said = " ".join(filter(None, (_refused(results), _in_dtypes(results, dtypes))))
        yield f"{one_line(results[0].name)} ({said})"
    others = checks[len(shown) :]
    if others:
        yield f"{len(others)} further checks ({_refused([c for own in others for c in own])})"


def _refused(results: list[CheckResult]) -> str:
    refused = sum(check.unsupported for check in results)
    judged = sum(check.cases for check in results if check.verdict != Verdict.UNSUPPORTED)
    return f"{refused:,} of {counted(judged + refused, 'case')}"


def _in_dtypes(results: list[CheckResult], dtypes: Set[str]) -> str:
    """The dtypes of the results, where those are not all."""
    among = list(dict.fromkeys(one_line(check.dtype) for check in results))
    return "" if {*among} >= dtypes else f"in {', '.join(among)}"


def refused_dtypes(report: Report) -> dict[str, str]:
    """The dtypes in which nothing was answered, mostly for this reason; not all that there are."""
    judged = {c.dtype for c in report.checks if c.verdict != Verdict.UNSUPPORTED}
    mostly = _mostly_refused_dtypes(report).items()
    return {dtype: reason for dtype, reason in mostly if dtype not in judged}


def is_barely_answered(checks: Iterable[CheckResult]) -> bool:
    """Whether nearly all that they put was refused: that nothing is wrong says little then."""
    listed = [*checks]
    judged = sum(check.cases for check in listed if check.verdict != Verdict.UNSUPPORTED)
    refused = sum(check.unsupported for check in listed)
    return judged < LEAST_ANSWERED * (judged + refused)


def _mostly_refused_dtypes(report: Report) -> dict[str, str]:
    """The dtypes in which nothing or next to nothing was answered, as above."""
    by_dtype: dict[str, list[CheckResult]] = {}
    for check in report.checks:
        if check.dtype != NO_DTYPE:
            by_dtype.setdefault(check.dtype, []).append(check)
    found = {}
    for dtype, checks in by_dtype.items():
        wholly = all(check.verdict == Verdict.UNSUPPORTED for check in checks)
        if wholly or is_barely_answered(checks):
            refused = [c for c in checks if c.unsupported or c.verdict == Verdict.UNSUPPORTED]
            ((reason, _),) = Counter(check.reason for check in refused).most_common(1)
            found[dtype] = one_line(reason or "no reason given")
    return found if len(found) < len(by_dtype) else {}
