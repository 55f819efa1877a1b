"""Large layers are certified by random combinations; a fault there is reported by its element."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from judging import failures, judged
from torch import Tensor
from torch.nn.functional import conv2d, conv_transpose2d

from conv_reference.geometry import Geometry
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.trial.trial import Trial
from conv_reference.verification.trial.values import is_combined, single_miss_bound

LARGE = "n4 c40 h20 w24 o36 k3 s1 p1"
GROUPED = "n6 c64 h27 w31 o96 k3 s2x1 p1x0 d1x2 g4"
SEED = 3


class Adds(torch.autograd.Function):
    """One more in one element of one gradient."""

    @staticmethod
    def forward(ctx: Any, X: Tensor, K: Tensor, b: Tensor, where: str, options: Any) -> Tensor:
        ctx.save_for_backward(X, K, b)
        ctx.where, ctx.options = where, options
        Y = conv2d(X, K, b, *options)
        if where == "Y":
            Y[-1, -1, -1, -1] += 1
        return Y

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Any:
        leaves = tuple(t.detach().requires_grad_() for t in ctx.saved_tensors)
        with torch.enable_grad():
            Y = conv2d(*leaves, *ctx.options)
        found = torch.autograd.grad(Y, leaves, grad_outputs[0])
        gradients = dict(zip(("dX", "dK", "db"), found, strict=True))
        if ctx.where in gradients:
            gradients[ctx.where].view(-1)[-1] += 1
        return (*gradients.values(), None, None)


def adding(where: str) -> Callable[..., Tensor]:
    def function(
        input: Tensor,
        weight: Tensor,
        bias: Tensor,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> Tensor:
        options = (stride, padding, dilation, groups)
        result: Tensor = Adds.apply(input, weight, bias, where, options)  # type: ignore[no-untyped-call]  # torch's `apply` is untyped
        return result

    return function


@pytest.mark.parametrize("function", [conv2d, conv_transpose2d])
@pytest.mark.parametrize("geometry", [LARGE, GROUPED])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_what_is_right_is_settled_without_the_oracle(
    function: Callable[..., Tensor], geometry: str, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, ...]] = []
    expect = Trial.expect

    def watched(self: Trial, operands: Any = None, *, only: tuple[str, ...]) -> Any:
        asked.append(only)
        return expect(self, operands, only=only)

    monkeypatch.setattr(Trial, "expect", watched)
    values = "" if dtype == "float32" else " values=sparse"
    seen = judged(function, f"certificate {dtype} {geometry}{values}", SEED)
    assert {j.verdict for j in seen} == {Verdict.EXACT}
    assert {j.quantity for j in seen if j.quantity} == {"Y", "dX", "dK", "db"}
    assert {*asked} == {()}


@pytest.mark.parametrize("geometry", [LARGE, GROUPED])
@pytest.mark.parametrize("quantity", ["Y", "dX", "dK", "db"])
def test_one_element_of_a_large_layer_is_found(quantity: str, geometry: str) -> None:
    found = [
        j
        for j in judged(adding(quantity), f"certificate float32 {geometry}", SEED)
        if j.verdict == Verdict.WRONG
    ]
    assert {j.quantity for j in found} == {quantity}
    assert all(float(j.actual) == float(j.expected) + 1 for j in found)


def test_a_layer_that_is_wrong_all_over_is_found_with_its_row() -> None:
    def doubled(input: Tensor, weight: Tensor, padding: Any = 0) -> Tensor:
        return 2 * conv2d(input, weight, padding=padding)

    assert ("forward", "Y") in failures(doubled, f"certificate float32 {LARGE} nobias", SEED)


def test_an_answer_of_another_kind_is_left_to_the_oracle() -> None:
    def doubled(input: Tensor, weight: Tensor, padding: Any = 0) -> Tensor:
        return conv2d(input, weight, padding=padding).double()

    assert ("shapes", "Y") in failures(doubled, f"certificate float32 {LARGE} nobias", SEED)


def test_small_layers_and_double_precision_are_the_oracles() -> None:
    large = Geometry.parse(LARGE)
    assert is_combined(large, torch.float32)
    assert not is_combined(large, torch.float64)
    assert not is_combined(Geometry.parse("n2 c4 h9 w9 o4 k3"), torch.float32)
    # Weighted sums of so many channels would leave the integers that float64 holds.
    assert not is_combined(Geometry.parse("n1 c1024 h4 w4 o1024 k3 p1"), torch.float32)


def test_the_misses_of_the_combination_are_counted() -> None:
    large = Geometry.parse(LARGE)
    assert single_miss_bound(large, torch.float32, "Y") > 1 - (1 - 1 / 64) ** 2
    assert single_miss_bound(large, torch.float32, "Y") < 0.2
