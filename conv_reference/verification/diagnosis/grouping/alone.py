"""Findings that do not show again alone, in a new process: the target keeps a state.

They are one fault, however many kinds of failures come of it: an answer that is kept is of another
dtype on one case, has other numbers on the next, and no gradient on a third.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence, Set
from contextlib import closing
from dataclasses import replace

from conv_reference.verification.diagnosis.bench import Bench
from conv_reference.verification.diagnosis.explaining.reproduce import whole_run
from conv_reference.verification.diagnosis.grouping.follows import meets_another_output
from conv_reference.verification.diagnosis.grouping.kept_state import KEPT
from conv_reference.verification.diagnosis.kinds import row_of
from conv_reference.verification.execution import Settings, judge_case
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.judgement import Crash, Failure, Judgement
from conv_reference.verification.model.result import FOUND, Finding, Verdict
from conv_reference.verification.target.loading import loaded_anew, loads_quickly
from conv_reference.verification.target.target import Target
from conv_reference.verification.work.messages import Broken

_MOST_ASKED = 24  # findings
ALONE = (
    "Alone, in a new process, this case comes out right: what fails depends on earlier calls, "
    "on what the memory held, or on chance."
)


def asked_alone(found: Sequence[tuple[Failure, Finding]], bench: Bench) -> list[Finding]:
    """The findings; those that come out right in a new process state that, and are of one fault.

    Args:
        found: findings, and the failures that they show.
        bench: where it has no other process, or no time is left, nothing is run.
    """
    findings = [finding for _, finding in found]
    asked = _each_fault_first(
        finding
        for failure, finding in found
        if not finding.known
        and not _hung(failure)  # which would take its limit once more
        and not failure.judgement.setting  # which the new process would be without
        and row_of(failure.judgement).repeatable
    )[:_MOST_ASKED]
    other = bench.backend.another() if asked and not bench.is_over else None
    if other is None:
        return findings
    right = set[str]()
    with closing(other) as fresh:
        cases = [Case.parse(finding.case) for finding in asked]
        answers = fresh.run(judge_by_itself, cases, bench.settings, deadline=bench.deadline)
        with bench.stop.asking(), closing(answers):
            for number, result in answers:
                judged = () if isinstance(result, Crash | Broken) else result
                if judged and not any(j.verdict in FOUND for j in judged):
                    right.add(asked[number].case)
    apart = _of_one_fault(asked, right)
    raised = _raised(found)
    ones: list[set[int]] = []
    for one, may_join in ((apart - raised, _kept(findings) - raised), (apart & raised, raised)):
        if one:  # another process has another past: that it disagrees shows no more
            ones.append(one | (may_join & _kept(findings)))
    if ones:
        ones[0] |= {finding.fault for finding in findings} - _repeatable(found)
    number_of = {fault: min(one) for one in ones for fault in one}
    told = [
        replace(
            _alone(failure, finding, bench) if finding.case in right else finding,
            fault=number_of.get(finding.fault, finding.fault),
        )
        for failure, finding in found
    ]
    for one in ones:
        told = _sorted(told, one, lambda finding: finding.cause != KEPT)
    for fault in {finding.fault for finding in told if finding.case in right} - number_of.keys():
        told = _sorted(told, {fault}, lambda finding: finding.case in right)
    return told


def judge_by_itself(target: Target, case: Case, settings: Settings) -> tuple[Judgement, ...]:
    """The case put to a target of which no other was asked, where its module can be loaded anew."""
    if target.importable and loads_quickly(target.name):
        target = replace(loaded_anew(target), importable=True)
    return judge_case(target, case, settings)


def _sorted(
    findings: Sequence[Finding], faults: Set[int], key: Callable[[Finding], bool]
) -> list[Finding]:
    """With the findings of these faults, where they stand, in another order among themselves."""
    places = [n for n, finding in enumerate(findings) if finding.fault in faults]
    moved = dict(zip(places, sorted((findings[n] for n in places), key=key), strict=True))
    return [moved.get(n, finding) for n, finding in enumerate(findings)]


def _each_fault_first(findings: Iterable[Finding]) -> list[Finding]:
    """The first finding of each fault, then the second of each, and so on."""
    met = Counter[int]()
    places = []
    for finding in findings:
        places.append((met[finding.fault], finding))
        met[finding.fault] += 1
    return [finding for _, finding in sorted(places, key=lambda each: each[0])]


def _of_one_fault(asked: Iterable[Finding], right: Set[str]) -> set[int]:
    """The faults of which nothing that was run shows again alone."""
    again = {finding.fault for finding in asked if finding.case not in right}
    return {finding.fault for finding in asked if finding.case in right} - again


def _kept(findings: Iterable[Finding]) -> set[int]:
    """The faults of what is kept from one call to the next."""
    return {finding.fault for finding in findings if finding.cause == KEPT}


def _raised(found: Sequence[tuple[Failure, Finding]]) -> set[int]:
    """The faults that first of all raise: what is silently wrong is not known to be behind that.

    But for what torch raises of an answer that has another shape: that is silently wrong.
    """
    first = {finding.fault: (failure, finding) for failure, finding in reversed([*found])}
    return {
        fault
        for fault, (failure, finding) in first.items()
        if finding.verdict == Verdict.RAISED and not meets_another_output(failure.judgement)
    }


def _repeatable(found: Iterable[tuple[Failure, Finding]]) -> set[int]:
    """The faults that show in a row whose case, judged again, shows the same; and known defects."""
    return {
        finding.fault
        for failure, finding in found
        if finding.known or row_of(failure.judgement).repeatable
    }


def _hung(failure: Failure) -> bool:
    crash = failure.judgement.crash
    return crash is not None and crash.hung


def _alone(failure: Failure, finding: Finding, bench: Bench) -> Finding:
    """What was seen of it; the run shows it again, and neither its case nor a script would."""
    return replace(
        finding,
        explanation="\n".join(failure.judgement.lines),  # the cause states what came of it alone
        seen=failure.judgement.explanation,
        reproduce=whole_run(bench, in_process=bench.backend.is_here),
        cause=finding.cause if finding.cause == KEPT else ALONE,
        circumstances="",
        grids="",
        snippet="",
    )
