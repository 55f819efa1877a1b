"""What was not checked, and why: dtypes and checks that were refused, whole or in part."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Set

from conv_reference.verification.model.result import CheckResult, Report, Verdict
from conv_reference.verification.report.plain import counted, one_line

NO_DTYPE = "-"  # a row that no dtype was put to
_SIZES = re.compile(r"(?<![:\w])\d+(, ?\d+)*")  # in what is raised; not the line of a file


def unsupported(report: Report) -> tuple[tuple[str, str], ...]:
    """What was not checked and why: a reason, and the checks that it keeps from being asked.

    Where a check was refused some of its cases alone, the reason says how many of how many.
    """
    whole = refused_dtypes(report)
    checks = [check for check in report.checks if check.dtype not in whole]
    dtypes = {check.dtype for check in checks} - {NO_DTYPE}
    where: dict[tuple[str, str], list[str]] = {}
    reasons_alike: dict[str, str] = {}  # those that differ in sizes alone are shown once
    for check in checks:
        if check.verdict == Verdict.UNSUPPORTED:
            said = one_line(check.reason) or "no reason given"
            reason = reasons_alike.setdefault(_SIZES.sub("#", said), said)
            where.setdefault((reason, one_line(check.name)), []).append(one_line(check.dtype))
    reasons: dict[str, list[str]] = {}
    for dtype, reason in whole.items():
        reasons.setdefault(reason, []).append(one_line(dtype))
    for (reason, name), among in where.items():
        part = "" if {*among} >= dtypes or among == [NO_DTYPE] else f" ({', '.join(among)})"
        reasons.setdefault(reason, []).append(name + part)
    for reason, name in _refused_in_part(report, dtypes, reasons_alike):
        reasons.setdefault(reason, []).append(name)
    return tuple((reason, ", ".join(names)) for reason, names in reasons.items())


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


def _refused_in_part(
    report: Report, dtypes: Set[str], alike: dict[str, str]
) -> Iterator[tuple[str, str]]:
    """A reason, and the check of which it keeps a part of the cases, in all dtypes together."""
    found: dict[tuple[str, str], list[CheckResult]] = {}
    for check in report.checks:
        if check.unsupported and check.verdict != Verdict.UNSUPPORTED:
            said = one_line(check.reason) or "no reason given"
            reason = alike.setdefault(_SIZES.sub("#", said), said)
            found.setdefault((reason, one_line(check.name)), []).append(check)
    for (reason, name), checks in found.items():
        among = {check.dtype for check in checks}
        where = "" if among >= dtypes else f" in {', '.join(map(one_line, among))}"
        refused = sum(check.unsupported for check in checks)
        cases = counted(sum(check.cases for check in checks) + refused, "case")
        yield reason, f"{name} ({refused:,} of {cases}{where})"
