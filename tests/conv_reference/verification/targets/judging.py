"""What one case says of an implementation, in the words that a test asks for."""

from __future__ import annotations

from functools import lru_cache
from random import Random
from typing import Any

from convolved import CONVOLVED

from conv_reference.operands import can_be_exact
from conv_reference.verification.checks import all_checks
from conv_reference.verification.execution import Settings, judge_case
from conv_reference.verification.known.known import SHIPPED, first_match, load
from conv_reference.verification.known.relayed import torchs
from conv_reference.verification.model.case import DTYPES, Case
from conv_reference.verification.model.judgement import Judgement
from conv_reference.verification.model.result import FOUND, Verdict
from conv_reference.verification.plan.geometries import small_geometry
from conv_reference.verification.plan.plan import plan
from conv_reference.verification.plan.request import Request
from conv_reference.verification.target.conventions import as_target
from conv_reference.verification.trial.environment import environment

_target = lru_cache(as_target)  # one is put many cases: how it is called is found out once


def judged(implementation: Any, case: str, seed: int = 1) -> tuple[Judgement, ...]:
    """All judgements of one case, restricted to what the target can be asked for."""
    target = _target(implementation)
    settings = Settings(seed=seed, device="cpu")
    return judge_case(target, target.restrict(Case.parse(case)), settings)


def failures(implementation: Any, case: str, seed: int = 1) -> dict[tuple[str, str], str]:
    """The explanations of what failed, by row and quantity."""
    return {
        (judgement.check, judgement.quantity): "\n".join(judgement.lines)
        for judgement in judged(implementation, case, seed)
        if judgement.verdict in FOUND
    }


def judged_on_its_own(implementation: Any, check: str, dtype: str) -> tuple[Judgement, ...]:
    """All judgements of a check that has geometries of its own, on each of them."""
    target = _target(implementation)
    request = Request(dtypes=(DTYPES[dtype],), seed=1, budget=1.0, checks=(check,))
    return tuple(
        judgement
        for case in plan(target, request).cases
        for judgement in judge_case(target, case, Settings(seed=1, device="cpu"))
    )


def failures_on_its_own(implementation: Any, check: str) -> dict[tuple[str, str], str]:
    """The explanations of what failed in float32, by row and quantity."""
    return {
        (judgement.check, judgement.quantity): "\n".join(judgement.lines)
        for judgement in judged_on_its_own(implementation, check, "float32")
        if judgement.verdict in FOUND
    }


def exact_everywhere(implementation: Any, check: str, *, count: int = 6) -> int:
    """Put the check to small random geometries in torch's dtypes; how many judgements there were.

    What torch is known to do wrong on this machine is left out: it may crash, too.

    Raises:
        AssertionError: when one is not exact.
    """
    target = _target(implementation)
    assert all_checks()[check].unsupported(target) is None
    random, seen = Random(check), 0
    known = torchs(load(SHIPPED), environment("cpu"), target.operator)
    for place in range(count):
        geometry = small_geometry(random)
        for dtype in filter(all_checks()[check].applies, CONVOLVED.values()):
            plain = Case(check=check, geometry=geometry, dtype=dtype, bias=place % 3 > 0)
            case = target.restrict(plain)
            if not can_be_exact(case.geometry, dtype):
                continue
            if any(defect.crashes and defect.concerns(case) for defect in known):
                continue
            for judgement in judge_case(target, case, Settings(seed=place, device="cpu")):
                if first_match(known, case, judgement) is not None:
                    continue
                assert judgement.verdict == Verdict.EXACT, (str(case), judgement)
                seen += 1
    return seen
