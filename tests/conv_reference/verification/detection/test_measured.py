"""A fault is put to a default run's cases in their order, and what is found is explained."""

from __future__ import annotations

import pytest

from conv_reference.verification.detection import measured
from conv_reference.verification.faults.collection import FAULTS
from conv_reference.verification.faults.sound.collection import SOUND
from conv_reference.verification.target.conventions import as_target


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


@pytest.mark.slow
def test_a_sound_one_raises_no_alarm() -> None:
    alarm = measured.listen("by_taps", seed=1, cases=60)

    assert alarm.check == ""
    assert alarm.said.startswith("no alarm in ")


@pytest.mark.slow
def test_a_false_alarm_would_be_told() -> None:
    SOUND["broken"] = FAULTS["nan_dropped"].function
    try:
        alarm = measured.listen("broken", seed=1, cases=600)
    finally:
        del SOUND["broken"]

    assert alarm.said.startswith("FALSE ALARM by nonfinite")
