from __future__ import annotations

from typing import Any

import pytest
import torch
from modes import ask, verdicts, wrong
from torch import Tensor

from conv_reference import functional, layer
from conv_reference.verification.model.result import Verdict

RIGHT = [torch.nn.functional.conv2d, torch.nn.Conv2d, functional.conv2d, layer.ConvLayer_1]


@pytest.mark.parametrize("implementation", RIGHT, ids=lambda i: i.__name__)
def test_what_is_right_is_exact_over_small_integers(implementation: Any) -> None:
    judgements = ask(implementation, "autocast", "float32")
    assert verdicts(judgements) == {Verdict.EXACT}
    assert {judgement.quantity for judgement in judgements} >= {"Y", "dX", "dK"}


@pytest.mark.parametrize("implementation", RIGHT, ids=lambda i: i.__name__)
def test_what_is_right_is_right_to_eight_bits(implementation: Any) -> None:
    judgements = ask(implementation, "autocast_precision", "float32")
    assert verdicts(judgements) <= {Verdict.EXACT, Verdict.ROUNDED}
    assert {judgement.quantity for judgement in judgements} >= {"Y", "dX", "dK"}


def test_another_dtype_is_wrong() -> None:
    def half(input: Tensor, weight: Tensor) -> Tensor:
        Y = torch.nn.functional.conv2d(input, weight)
        return Y.half() if torch.is_autocast_enabled("cpu") else Y

    assert wrong(ask(half, "autocast", "float32")) == {"Y"}


def test_a_fault_that_only_autocast_meets_is_wrong() -> None:
    def doubled(input: Tensor, weight: Tensor) -> Tensor:
        Y = torch.nn.functional.conv2d(input, weight)
        return 2 * Y if Y.dtype == torch.bfloat16 else Y

    assert wrong(ask(doubled, "autocast", "float32")) == {"Y", "dX", "dK"}


class WithoutRule(torch.autograd.Function):
    """Its own backward pass multiplies a G in bfloat16 by a kernel in float32."""

    @staticmethod
    def forward(ctx: Any, X: Tensor, K: Tensor) -> Tensor:
        ctx.save_for_backward(X, K)
        return torch.nn.functional.conv2d(X, K)

    @staticmethod
    def backward(ctx: Any, G: Tensor) -> Any:
        X, K = ctx.saved_tensors
        dX = torch.nn.grad.conv2d_input(X.shape, K, G)
        return dX, torch.nn.grad.conv2d_weight(X, K.shape, G)


def test_a_backward_pass_without_a_rule_for_it_is_not_judged_with_the_reason() -> None:
    def function(input: Tensor, weight: Tensor) -> Any:
        apply: Any = WithoutRule.apply
        return apply(input, weight)

    (judgement,) = ask(function, "autocast", "float32")
    assert judgement.verdict == Verdict.UNSUPPORTED
    assert "the backward pass raises RuntimeError" in judgement.explanation


def test_a_path_of_fewer_bits_is_told_by_its_precision() -> None:
    def quantised(input: Tensor, weight: Tensor) -> Tensor:
        if torch.is_autocast_enabled("cpu"):
            input = input.to(torch.float8_e5m2).float()
        return torch.nn.functional.conv2d(input, weight)

    assert "Y" in wrong(ask(quantised, "autocast_precision", "float32"))
