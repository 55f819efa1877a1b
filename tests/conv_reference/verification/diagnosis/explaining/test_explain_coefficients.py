"""How the coefficients that impulses read out are written, and which of them are noise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from torch import Tensor
from torch.nn.functional import conv2d

from conv_reference.verification.diagnosis.explaining.explain import explain_case
from conv_reference.verification.execution import Settings, judge_case
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.target.conventions import as_target

SETTINGS = Settings(seed=0, device="cpu")


def told(function: Callable[..., Any], words: str) -> str:
    """Of the first wrong judgement on the case."""
    target, case = as_target(function), Case.parse(words)
    wrong = next(j for j in judge_case(target, case, SETTINGS) if j.verdict == Verdict.WRONG)
    return explain_case(target, case, (SETTINGS, wrong, ())).text


def test_a_factor_that_is_nearly_one_is_not_written_as_one() -> None:
    def slightly(input: Tensor, weight: Tensor) -> Tensor:
        return conv2d(input, weight) * (1 + 2.0**-20)

    text = told(slightly, "certificate float64 h1 w2 k1 nobias grad= values=ones")
    assert "is        ≈1.000001·K[0,0]·X[0,0]" in text


def test_a_factor_of_some_digits_is_marked_where_it_has_more() -> None:
    def thirds(input: Tensor, weight: Tensor) -> Tensor:
        return conv2d(input, weight) / 3

    def tenths(input: Tensor, weight: Tensor) -> Tensor:
        return conv2d(input, weight) * 0.3  # in float32 the number that is written 0.3

    for wrong, factor in ((thirds, "≈0.333333"), (tenths, "0.3")):
        text = told(wrong, "certificate float32 h1 w2 k1 nobias grad= values=ones")
        assert f"is        {factor}·K[0,0]·X[0,0]" in text


@pytest.mark.parametrize(("noise", "is_said"), [(2.0**-30, False), (2.0**-12, True)])
def test_a_term_no_larger_than_a_rounding_is_noise(noise: float, is_said: bool) -> None:
    """A transform leaves some in products that have no part in an element."""

    def flipped(input: Tensor, weight: Tensor) -> Tensor:
        Y = conv2d(input, weight.flip(3))
        return Y + noise * input[..., :1] * weight[..., :1]

    text = told(flipped, "certificate float32 h1 w2 k1x2 nobias grad= values=counting")
    formula = next(line for line in text.splitlines() if "  is   " in line)
    assert ("K[0,0]·X[0,0]" in formula) == is_said
    assert formula.endswith("K[0,0]·X[0,1] + K[0,1]·X[0,0]")
    assert ("no larger than a rounding" in text) != is_said
