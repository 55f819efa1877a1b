"""What fails only because of what a target keeps between calls: one fault, in whatever it shows.

A buffer that is handed out again, a graph, a kernel of an earlier call: each shows in a dozen rows,
as numbers, gradients, memory and raises. So each finding's case is asked once more of a target
whose module is loaded anew for every call. What comes out right there is of what was kept; what
fails there is a fault of its own.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import cycle
from typing import Any

from conv_reference.operands import Operands
from conv_reference.verification.diagnosis.bench import Bench
from conv_reference.verification.diagnosis.kinds import row_of
from conv_reference.verification.execution import Settings, judge_case
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.errors import TargetError
from conv_reference.verification.model.judgement import Failure
from conv_reference.verification.model.result import FOUND, Finding, Verdict
from conv_reference.verification.target.loading import load_anew, target_of
from conv_reference.verification.target.target import Call, Target

Found = tuple[Failure, Finding]
KEPT = (
    "Where the target's module is loaded anew for each call, this comes out right: it is what the "
    "target keeps from one call to the next."
)
_MOST_ASKED = 24  # findings
_TIMES = 4
_SHARE = 0.6  # of the time that is left
_FURTHER = 7  # calls of one function, each of a module of its own
_MOST_SECONDS = 0.02  # that loading may take: it is done for each call


def filed_under_what_is_kept(found: Sequence[Found], bench: Bench) -> list[Found]:
    """The findings; those that come out right where nothing is kept are of one fault, the first.

    Args:
        found: the failure on the smallest case, and the finding, in their order.
        bench: where the target has no module to load, or no time is left, nothing is asked.
    """
    asked = {
        finding.fault: (Case.parse(finding.case), failure.judgement.check)
        for failure, finding in reversed(found)
        if not (finding.known or finding.follows or failure.judgement.setting)
        and row_of(failure.judgement).repeatable
        and failure.judgement.crash is None
    }
    if not asked or not bench.target.importable or bench.target.offer is not None:
        return [*found]
    few = [*dict.fromkeys(asked.values())][:_MOST_ASKED]
    answers = bench.within(_SHARE).ask(is_of_what_is_kept, few, bench.settings)
    kept = {fault for fault, question in asked.items() if answers.get(question) is True}
    return [
        (failure, _of_one(min(kept), finding) if finding.fault in kept else finding)
        for failure, finding in found
    ]


def _of_one(fault: int, finding: Finding) -> Finding:
    """The finding, as one of the fault; its first says so, and stands for the others."""
    if finding.fault != fault:
        return replace(finding, fault=fault, cause="")
    return replace(finding, cause=KEPT, circumstances="")


def is_of_what_is_kept(target: Target, question: tuple[Case, str], settings: Settings) -> bool:
    """Whether the row fails on the case, and does not where the module is loaded for each call."""
    case, row = question
    if not _fails(target, case, row, settings):
        return False
    try:
        begun = time.thread_time()
        _anew(target.name)
        if time.thread_time() - begun > _MOST_SECONDS:
            return False
    except TargetError:  # twice it cannot be loaded
        return False
    other = _forgetting(target)
    # In turn, and more than once: an answer may change by chance.
    return all(
        _passes(other, case, row, settings) and _fails(target, case, row, settings)
        for _ in range(_TIMES)
    )


def _fails(target: Target, case: Case, row: str, settings: Settings) -> bool:
    return bool(_verdicts(target, case, row, settings) & FOUND)


def _passes(target: Target, case: Case, row: str, settings: Settings) -> bool:
    """Whether it is answered, and rightly: what is refused says nothing."""
    verdicts = _verdicts(target, case, row, settings)
    return bool(verdicts) and verdicts <= {Verdict.EXACT, Verdict.ROUNDED}


def _verdicts(target: Target, case: Case, row: str, settings: Settings) -> set[Verdict]:
    judged = judge_case(target, case, settings)
    return {judgement.verdict for judgement in judged if judgement.check == row}


def _anew(name: str) -> Target:
    """The target, loaded as if it never was."""
    return target_of(load_anew(name), name)


def _forgetting(target: Target) -> Target:
    """The same, made anew for each call; a layer is, too, but is then called as it is."""

    def prepare(case: Case, operands: Operands) -> Call:
        call = _anew(target.name).prepare(case, operands)
        if call.layer is not None:
            return call

        # Made beforehand: it may be called under a transform, where no operand can be.
        calls = cycle(
            [call, *(_anew(target.name).prepare(case, operands) for _ in range(_FURTHER))]
        )

        def function(*given: Any) -> Any:
            return next(calls).function(*given)

        return replace(call, function=function)

    return replace(target, prepare=prepare)
