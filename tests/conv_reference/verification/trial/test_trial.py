from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
import torch
from modes import ForgetsCrossTerm, Right
from torch.nn.functional import conv2d

from conv_reference.verification.execution import Settings, judge_case
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.domain import OutsideError
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.target.conventions import as_target
from conv_reference.verification.trial.trial import TargetRaised, Trial, each_asked, target_code

CASE = Case.parse("double_backward float64 n2 c2 h4 w5 o2 k3x2 p1")
WHOLE = Trial(as_target(conv2d), CASE, 0, torch.device("cpu"))
BRIEF, WHOLE_RUN = Settings(0, "cpu", brief=True), Settings(0, "cpu")


def test_a_whole_trial_asks_every_question() -> None:
    assert WHOLE.some(iter("abc")) == ["a", "b", "c"]


def test_a_brief_one_asks_one_the_same_for_a_case_and_another_for_others() -> None:
    trials = [replace(WHOLE, brief=True, seed=seed) for seed in range(200)]
    chosen = Counter(trial.some("abc", "here")[0] for trial in trials)
    assert set(chosen) == set("abc")
    assert min(chosen.values()) > 40
    assert [t.some("abc", "here") for t in trials] == [t.some("abc", "here") for t in trials]
    assert [t.some("abc", "here") for t in trials] != [t.some("abc", "there") for t in trials]
    assert trials[0].some([]) == []


@pytest.mark.parametrize(
    "check",
    ["double_backward", "jvp", "dual_numbers", "vmap", "vmap_nested", "vmap_gradients"],
)
def test_brief_is_a_part_of_the_whole(check: str) -> None:
    target = as_target(Right)
    case = target.restrict(replace(CASE, check=check))
    if check in {"jvp", "dual_numbers"}:
        target, case = as_target(conv2d), replace(CASE, check=check)
    brief, whole = (
        {j.quantity for j in judge_case(target, case, settings)} for settings in (BRIEF, WHOLE_RUN)
    )
    assert brief < whole


def test_what_all_terms_together_show_no_brief_trial_misses() -> None:
    target = as_target(ForgetsCrossTerm)
    for seed in range(10):
        judgements = judge_case(target, target.restrict(CASE), Settings(seed, "cpu", brief=True))
        wrong = {j.quantity for j in judgements if j.verdict == Verdict.WRONG}
        assert "gradient of ⟨V, dX⟩ + ⟨W, dK⟩ in K" in wrong


def raising(error: Exception) -> None:
    with target_code("Y"):
        raise error


def test_what_raises_first_is_raised_when_all_was_asked() -> None:
    asked = []

    def ask() -> None:
        with each_asked() as one:
            for error in (OutsideError("first"), ValueError("second"), ValueError("third"), None):
                with one():
                    asked.append(error)
                    if error is not None:
                        raising(error)

    with pytest.raises(TargetRaised, match="ValueError: second"):
        ask()
    assert len(asked) == 4
