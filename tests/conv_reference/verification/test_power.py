"""A planted fault of every second class is found by the default plan, in what is wrong.

Of each of them one, in a fixed rotation; ``conv-reference faults --all`` puts all of them, and
docs/detection.md says what came of it. A fault is put first to the cases of the check that found
it there.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from conv_reference.verification.checks import all_checks, certifying
from conv_reference.verification.execution import Settings, judge_case
from conv_reference.verification.faults import direct
from conv_reference.verification.faults.collection import CLASSES
from conv_reference.verification.faults.planting import Mutant
from conv_reference.verification.faults.sound.collection import SOUND
from conv_reference.verification.model.case import DTYPES, Case
from conv_reference.verification.model.judgement import Judgement
from conv_reference.verification.model.result import FAILURES, FOUND
from conv_reference.verification.plan.plan import plan
from conv_reference.verification.plan.request import Request
from conv_reference.verification.target.conventions import as_target

pytestmark = pytest.mark.slow

SEED = 1
FIRST_ORDER = ("Y", "dX", "dK", "db", "X", "G")
MEASURED = Path(__file__).parents[3] / "docs/detection/faults.json"


def sampled() -> list[Mutant]:
    """One of every second class; which, its place among the classes says."""
    found_by = checks_that_found()
    lots = ([m for m in each.mutants.values() if m.name in found_by] for each in CLASSES)
    return [lot[place % len(lot)] for place, lot in enumerate(lots) if lot and place % 2]


@cache
def checks_that_found() -> dict[str, str]:
    """The check whose case showed each fault first, of those that were found."""
    told = json.loads(MEASURED.read_text(encoding="utf-8"))["faults"]
    return {
        each["name"]: each["found"]["case"].split()[0] for each in told if each["found"] is not None
    }


@cache
def planned(budget: float, function: Any = direct.conv2d) -> tuple[Case, ...]:
    request = Request(dtypes=tuple(DTYPES.values()), seed=SEED, budget=budget)
    return plan(as_target(function), request).cases


def cases_for(mutant: Mutant) -> list[Case]:
    """The plan in its order, those of the check that found it first; of certificates fewer."""
    check = checks_that_found()[mutant.name]
    few = planned(2.5) if check == certifying().name else planned(20.0)
    own = mutant.fault_class == "THRESHOLD"  # whose numbers are read from its own code
    if own or all(case.check != check for case in few):  # it takes what the right one does not
        few = planned(20.0, mutant.function)
    return sorted(few, key=lambda case: case.check != check)


def first_finding(mutant: Mutant) -> tuple[Case, list[Judgement]]:
    target = as_target(mutant.function, name=mutant.target)
    for case in cases_for(mutant):
        restricted = target.restrict(case)
        judged = judge_case(target, restricted, Settings(seed=SEED, device="cpu", brief=True))
        wrong = [judgement for judgement in judged if judgement.verdict in FOUND]
        if mutant.quantity in FIRST_ORDER and case.check == certifying().name:
            wrong = [judgement for judgement in wrong if judgement.quantity == mutant.quantity]
        if wrong:
            return case, wrong
    pytest.fail(f"{mutant.name} was missed: {mutant.guard}")


@pytest.mark.parametrize("mutant", sampled(), ids=lambda mutant: mutant.name)
def test_a_planted_fault_of_each_class_is_found(
    mutant: Mutant, monkeypatch: pytest.MonkeyPatch
) -> None:
    if mutant.fault_class == "UNINIT":
        # What glibc's perturbation does in the engine's child processes: fresh memory shows.
        monkeypatch.setattr(torch, "empty_like", lambda t, **_: torch.full_like(t, torch.nan))

    _, wrong = first_finding(mutant)

    assert wrong


@pytest.mark.parametrize(
    "name",
    ["Im2col", "Layer", "PlaneLayer", "fft", "numpy_adapter", "winograd_2", "winograd_4",
     "with_rules"],
)  # fmt: skip
def test_right_convolutions_raise_no_alarm(name: str) -> None:
    target = as_target(SOUND[name], name=f"sound:{name}")
    request = Request(dtypes=tuple(DTYPES.values()), seed=SEED, budget=0.5)
    # `large` in one dtype: slow as these are, a minute.
    cases = [
        case
        for case in plan(target, request).cases
        if case.check != "large" or case.dtype == torch.float32
    ]

    assert {case.check for case in cases} >= {certifying().name}
    assert {case.check for case in cases} <= set(all_checks())
    alarms = [
        (str(case), judgement)
        for case in cases[::6]
        for judgement in judge_case(target, case, Settings(seed=SEED, device="cpu", brief=True))
        if judgement.verdict in FAILURES
    ]
    assert alarms == []
