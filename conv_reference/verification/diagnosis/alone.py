"""Findings that do not show again alone, in a new process: the target keeps a state.

They are one fault, however many kinds of failures come of it: an answer that is kept is of another
dtype on one case, has other numbers on the next, and no gradient on a third.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from contextlib import closing
from dataclasses import replace

from conv_reference.verification.diagnosis.bench import Bench
from conv_reference.verification.diagnosis.kinds import row_of
from conv_reference.verification.execution import judge_case
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.judgement import Crash, Failure
from conv_reference.verification.model.result import FOUND, Finding
from conv_reference.verification.work.messages import Broken

_MOST_ASKED = 12  # findings
ALONE = (
    "Alone, in a new process, this case comes out right: what fails depends on earlier calls, "
    "on what the memory held, or on chance."
)


def asked_alone(found: Sequence[tuple[Failure, Finding]], bench: Bench) -> list[Finding]:
    """The findings; those that come out right in a new process say so, and are of one fault.

    Args:
        found: findings, and the failures that they show.
        bench: where it has no other process, or no time is left, nothing is asked.
    """
    findings = [finding for _, finding in found]
    asked = [
        finding
        for failure, finding in found
        if not finding.known
        and not _hung(failure)  # which would take its limit once more
        and row_of(failure.judgement).repeatable
    ][:_MOST_ASKED]
    other = bench.backend.another() if asked and not bench.is_over else None
    if other is None:
        return findings
    right = set[str]()
    with closing(other) as fresh:
        cases = [Case.parse(finding.case) for finding in asked]
        for number, result in fresh.run(judge_case, cases, bench.settings):
            judged = () if isinstance(result, Crash | Broken) else result
            if judged and not any(j.verdict in FOUND for j in judged):
                right.add(asked[number].case)
    one = _of_one_fault(asked, right)
    return [
        replace(
            _alone(failure, finding) if finding.case in right else finding,
            fault=min(one) if finding.fault in one else finding.fault,
        )
        for failure, finding in found
    ]


def _of_one_fault(asked: Iterable[Finding], right: Set[str]) -> set[int]:
    """The faults of which nothing that was asked shows again alone."""
    again = {finding.fault for finding in asked if finding.case not in right}
    return {finding.fault for finding in asked if finding.case in right} - again


def _hung(failure: Failure) -> bool:
    crash = failure.judgement.crash
    return crash is not None and crash.hung


def _alone(failure: Failure, finding: Finding) -> Finding:
    seen = failure.judgement.explanation
    # Nor is there a script: by itself it would print what is right.
    return replace(finding, explanation=seen, cause=ALONE, circumstances="", grids="", snippet="")
