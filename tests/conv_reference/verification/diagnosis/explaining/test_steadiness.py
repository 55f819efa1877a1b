"""What changes from call to call has no formula, and is said to change."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from torch import Tensor
from torch.nn.functional import conv2d

from conv_reference.verification.diagnosis.explaining.explain import Explanation, explain_case
from conv_reference.verification.diagnosis.explaining.steadiness import CHANGES
from conv_reference.verification.execution import Settings, judge_case
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.target.conventions import as_target

SETTINGS = Settings(seed=0, device="cpu")


def explained(function: Callable[..., Any]) -> Explanation:
    """Of a single product."""
    target = as_target(function)
    case = Case.parse("certificate float32 h1 w1 k1 grad= nobias values=ones")
    wrong = [j for j in judge_case(target, case, SETTINGS) if j.verdict == Verdict.WRONG]
    return explain_case(target, case, (SETTINGS, wrong[0], ()))


def every(number: int, wrong: Callable[[Tensor], Tensor]) -> Callable[..., Any]:
    """Wrong in each so-manieth call, from the first on."""
    calls = itertools.count()

    def conv(input: Tensor, weight: Tensor) -> Tensor:
        Y = conv2d(input, weight)
        return wrong(Y) if next(calls) % number == 0 else Y

    return conv


@pytest.mark.parametrize(
    ("function", "changes"),
    [
        (every(3, lambda Y: Y + 1), "not the same at each call: wrong in 7 of 20"),
        (every(1_000, lambda Y: Y + 1), "right when it is asked again, in each of 20"),
    ],
)
def test_what_changes_from_call_to_call_has_no_formula(
    function: Callable[..., Any], changes: str
) -> None:
    found = explained(function)
    assert found.text == (
        "Y[0,0,0,0]:\n"
        "  should be K[0,0]·X[0,0]\n"
        f"  is        {changes} calls on these very operands"
    )
    assert found.cause == CHANGES


def test_what_is_wrong_in_each_call_in_another_way_is_said_behind_the_formula() -> None:
    numbers = itertools.count(1)
    found = explained(every(1, lambda Y: Y + next(numbers)))
    said = "wrong in each of 20 calls on these very operands, in another way."
    assert found.text.endswith(f"\n  It is not the same at each call: {said}")
    assert "  should be K[0,0]·X[0,0]\n  is  " in found.text
