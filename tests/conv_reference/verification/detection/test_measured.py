"""A fault is put to a default run's cases in their order, and what is found is explained."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from conv_reference.verification.detection import measured
from conv_reference.verification.faults.collection import FAULTS
from conv_reference.verification.faults.sound.collection import SOUND
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.result import FOUND
from conv_reference.verification.target.conventions import as_target

OPERATORS = Path(__file__).parents[4] / "docs/detection/operators.json"


@pytest.mark.slow
def test_a_fault_is_found_reduced_and_named() -> None:
    outcome = measured.put(FAULTS["group_zero_input"], seed=1)

    assert outcome.found is not None
    assert (outcome.found.check, outcome.found.quantity) == ("forward", "Y")
    assert outcome.found.cases <= 100 < outcome.planned
    assert outcome.found.products <= 8
    assert outcome.found.named == "yes"


def test_what_no_case_shows_is_missed() -> None:
    assert measured.first_found(as_target(SOUND["direct"]), (), 1) is None


def test_what_nobody_promises_is_observed(monkeypatch: pytest.MonkeyPatch) -> None:
    cases = (Case.parse("extremes float32 n2 c2 h5 w6 o3 k2x2"),)
    monkeypatch.setattr(measured, "planned", lambda *_: cases)
    outcome = measured.put(FAULTS["flushes_subnormals"], seed=1)

    assert outcome.found is None
    assert outcome.observed == "subnormal numbers are flushed to zero in Y"


def test_the_observation_tells_the_fault_from_a_right_convolution(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A right convolution keeps them: the observation tells the fault from it."""
    cases = (Case.parse("extremes float32 n2 c2 h5 w6 o3 k2x2"),)
    monkeypatch.setattr(measured, "planned", lambda *_: cases)
    right = replace(FAULTS["flushes_subnormals"], function=SOUND["direct"])

    assert measured.put(right, seed=1).observed == ""


@pytest.mark.slow
def test_a_sound_one_raises_no_alarm() -> None:
    alarm = measured.listen("by_taps", seed=1, cases=60)

    assert alarm.check == ""
    assert alarm.said.startswith("no alarm in ")


@pytest.mark.slow
def test_a_false_alarm_would_be_told() -> None:
    SOUND["broken"] = FAULTS["nan_dropped"].function
    try:
        alarm = measured.listen("broken", seed=1, cases=100)
    finally:
        del SOUND["broken"]

    assert alarm.said.startswith("FALSE ALARM by nonfinite")


def of_each_class() -> list[tuple[str, str]]:
    """Of the operators beside conv2d the first fault of each class, and the case that showed it."""
    told = json.loads(OPERATORS.read_text(encoding="utf-8"))["faults"]
    shown = [each for each in told if each["found"] is not None]
    first = {each["fault_class"]: each for each in reversed(shown)}
    return [(each["name"], each["found"]["case"]) for each in first.values()]


@pytest.mark.parametrize(("name", "case"), of_each_class())
def test_the_case_that_showed_a_fault_of_another_operator_shows_it(name: str, case: str) -> None:
    fault = FAULTS[name]
    target = as_target(fault.function, name=fault.target, operator=fault.asked)

    assert next(measured.failures(target, (Case.parse(case),), 1, FOUND), None) is not None
