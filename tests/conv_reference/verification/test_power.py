"""Every planted fault is found, in the quantity that is wrong, by cases in the plan's order."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from conv_reference.verification.checks import all_checks, certifying
from conv_reference.verification.execution import Settings, judge_case
from conv_reference.verification.model.case import DTYPES, Case
from conv_reference.verification.model.result import FOUND
from conv_reference.verification.plan.plan import plan
from conv_reference.verification.plan.request import Request
from conv_reference.verification.target.conventions import as_target
from conv_reference.verification.trial.judge import Judgement

pytestmark = pytest.mark.slow

sys.path.insert(0, str(Path(__file__).parent / "targets"))
mutants = importlib.import_module("mutants")
right = importlib.import_module("right")

SEED = 1
FIRST_ORDER = ("Y", "dX", "dK", "db", "X", "G")
CLASSES = {
    "GROUP", "LAYOUT", "REMAINDER", "KERNEL", "DILATION", "PADDING", "STRIDE", "UNINIT",
    "PRECISION", "TRANSFORM", "OVERFLOW", "RACE", "NANINF", "MASK", "TAIL", "DOMAIN", "OOB",
    "ORDER", "ACCUM", "ALIAS", "DTYPEPATH",
}  # fmt: skip


@cache
def planned(budget: float) -> tuple[Case, ...]:
    request = Request(dtypes=tuple(DTYPES.values()), seed=SEED, budget=budget)
    return plan(as_target(right.direct.conv2d), request).cases


def cases_for(mutant: Any) -> Iterator[Case]:
    """The plan in its order; for a fault that no certificate can show, without them.

    For the certificate an eighth of the default: the covering array is the same, only fewer
    large and small geometries follow it.
    """
    checks = mutants.shown_by(mutant)
    if not checks:
        return iter(planned(2.5))
    return (case for case in planned(20.0) if case.check in checks)


def first_finding(mutant: Any) -> tuple[Case, list[Judgement]]:
    target = as_target(mutant.function, name=f"mutants:{mutant.name}")
    for case in cases_for(mutant):
        judged = judge_case(target, case, Settings(seed=SEED, device="cpu", brief=True))
        wrong = [judgement for judgement in judged if judgement.verdict in FOUND]
        if mutant.quantity in FIRST_ORDER:
            wrong = [judgement for judgement in wrong if judgement.quantity == mutant.quantity]
        if wrong:
            return case, wrong
    pytest.fail(f"{mutant.name} was missed: {mutant.guard}")


@pytest.mark.parametrize("name", mutants.MUTANTS)
def test_every_planted_fault_is_found_in_the_quantity_that_is_wrong(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mutant = mutants.MUTANTS[name]
    if mutant.fault_class == "UNINIT":
        # What glibc's perturbation does in the engine's child processes: fresh memory shows.
        monkeypatch.setattr(torch, "empty_like", lambda t, **_: torch.full_like(t, torch.nan))

    case, wrong = first_finding(mutant)

    assert wrong
    assert mutant.quantity in FIRST_ORDER or case.check in mutants.shown_by(mutant)


def test_faults_of_every_class_are_planted_in_every_quantity() -> None:
    planted = mutants.MUTANTS.values()

    assert {mutant.fault_class for mutant in planted} == CLASSES
    assert {"Y", "dX", "dK", "db", "second order"} <= {mutant.quantity for mutant in planted}
    assert len(planted) >= 40


def test_a_mutant_is_named_by_the_attribute_that_holds_it() -> None:
    for name, mutant in mutants.MUTANTS.items():
        assert getattr(mutants, name) is mutant.function


@pytest.mark.parametrize(
    "name",
    ["Im2col", "Layer", "PlaneLayer", "fft", "numpy_adapter", "winograd_2", "winograd_4",
     "with_rules"],
)  # fmt: skip
def test_right_convolutions_raise_no_alarm(name: str) -> None:
    target = as_target(getattr(right, name), name=f"right:{name}")
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
        for case in cases[::3]
        for judgement in judge_case(target, case, Settings(seed=SEED, device="cpu", brief=True))
        if judgement.verdict in FOUND
    ]
    assert alarms == []
