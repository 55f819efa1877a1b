from __future__ import annotations

from collections.abc import Callable
from typing import Any

import faulty
import pytest
from torch import Tensor
from torch.nn.functional import conv2d

from conv_reference.verification.model.result import Verdict
from conv_reference.verification.target.conventions import as_target
from conv_reference.verification.trial.tiny import tiny_judgements


@pytest.mark.parametrize(
    ("implementation", "verdicts"),
    [
        (
            conv2d,
            {"Y": Verdict.EXACT, "dX": Verdict.EXACT, "dK": Verdict.EXACT, "db": Verdict.EXACT},
        ),
        (
            faulty.lost_bias_gradient,
            {"Y": Verdict.EXACT, "dX": Verdict.EXACT, "dK": Verdict.EXACT, "db": Verdict.WRONG},
        ),
    ],
)
def test_the_output_and_each_gradient_are_judged(
    implementation: Callable[..., Any], verdicts: dict[str, Verdict]
) -> None:
    found = tiny_judgements(as_target(implementation))
    assert {str(each.quantity): each.verdict for each in found} == verdicts


def test_who_throws_in_its_backward_pass_is_judged_by_its_output_too() -> None:
    def thrown(_: Tensor) -> Tensor:
        raise ValueError("no gradient yet")

    def convolve(input: Tensor, weight: Tensor) -> Tensor:
        Y = conv2d(input, weight)
        Y.register_hook(thrown)
        return Y

    *found, raised = tiny_judgements(as_target(convolve))
    assert {str(each.quantity): each.verdict for each in found} == {"Y": Verdict.EXACT}
    assert raised.verdict == Verdict.RAISED
    assert "ValueError: no gradient yet" in raised.explanation
