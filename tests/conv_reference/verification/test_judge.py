from __future__ import annotations

import re
from typing import Any

import pytest
import torch

from conv_reference.verification.checks.gradients import Expected, Raised
from conv_reference.verification.judge import judge
from conv_reference.verification.result import Verdict

EXPECTED = Expected(
    value=torch.tensor([[3.0, -4.0]], dtype=torch.float64),
    scale=lambda: torch.tensor([[5.0, 4.0]], dtype=torch.float64),
    terms=2,
    dtype=torch.float32,
)
UNIT = 2.0**-24


def row(*values: float, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.tensor([values], dtype=dtype)


def test_equal_bits_are_exact() -> None:
    assert judge("Y", row(3, -4), EXPECTED).verdict == Verdict.EXACT


def test_an_error_within_gamma_is_rounded_with_its_bits() -> None:
    judgement = judge("Y", row(3 + 2**-22, -4), EXPECTED)

    assert judgement.verdict == Verdict.ROUNDED
    assert judgement.effective_bits == pytest.approx(22 + torch.log2(torch.tensor(5.0)).item())


def test_an_error_just_past_gamma_is_wrong() -> None:
    bound = 2 * UNIT / (1 - 2 * UNIT) * 5
    inside, outside = 3 + 2**-22 * 2, 3 + 2**-22 * 3
    assert inside - 3 <= bound < outside - 3

    assert judge("Y", row(inside, -4), EXPECTED).verdict == Verdict.ROUNDED
    assert judge("Y", row(outside, -4), EXPECTED).verdict == Verdict.WRONG


def test_the_first_wrong_element_is_named() -> None:
    judgement = judge("Y", row(3, 4), EXPECTED)

    assert (judgement.verdict, judgement.index) == (Verdict.WRONG, (0, 1))
    assert (judgement.expected, judgement.actual) == ("-4", "4")
    assert judgement.explanation == "1 of 2 elements wrong; the first should be -4, is 4"


@pytest.mark.parametrize(
    ("actual", "verdict", "explanation"),
    [
        (row(3, torch.nan), "wrong", "1 of 2 elements wrong; the first should be -4, is nan"),
        (row(torch.inf, -4), "wrong", "1 of 2 elements wrong; the first should be 3, is inf"),
        (row(3, -4, 0), "wrong", r"should be .* \(1, 2\) .*, is of shape \(1, 3\) .*"),
        (row(3, -4, dtype=torch.float64), "wrong", ".* is .* torch.float64"),
        (None, "wrong", "should be a tensor .*, is no gradient"),
        ([3.0, -4.0], "wrong", "should be a tensor .*, is list"),
        (Raised(KeyError("a\nb")), "raised", r"raised KeyError: 'a\\nb'"),
        (Raised(NotImplementedError("no")), "unsupported", "raised NotImplementedError: no"),
    ],
    ids=["nan", "inf", "shape", "dtype", "none", "list", "raised", "unsupported"],
)
def test_what_is_no_right_answer_is_never_right(
    actual: Any, verdict: str, explanation: str
) -> None:
    judgement = judge("dX", actual, EXPECTED)

    assert judgement.verdict == verdict
    assert re.fullmatch(explanation, judgement.explanation)
