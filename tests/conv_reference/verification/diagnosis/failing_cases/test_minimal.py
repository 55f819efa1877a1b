"""The smallest case is one that shows the failure."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import conv2d

from conv_reference.verification.diagnosis.bench import Bench
from conv_reference.verification.diagnosis.failing_cases.minimal import minimal
from conv_reference.verification.diagnosis.kinds import size
from conv_reference.verification.execution import Settings
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.judgement import Failure
from conv_reference.verification.target.conventions import as_target
from conv_reference.verification.work.here import Here


class _Cut(torch.autograd.Function):
    """Its dK does not lead back to X, which it keeps a copy of."""

    @staticmethod
    def forward(ctx: Any, X: Tensor, K: Tensor, options: Any) -> Tensor:
        ctx.save_for_backward(X.clone(), K)
        ctx.options = options
        return conv2d(X, K, None, *options)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Any:
        (X, K), (G,) = ctx.saved_tensors, grad_outputs
        dX = torch.nn.grad.conv2d_input(X.shape, K, G, *ctx.options)
        return dX, torch.nn.grad.conv2d_weight(X, K.shape, G, *ctx.options), None


def cut(input: Tensor, weight: Tensor, stride: Any = 1, padding: Any = 0) -> Tensor:
    Y: Tensor = _Cut.apply(input, weight, (stride, padding))  # type: ignore[no-untyped-call]  # torch's
    return Y


TARGET = as_target(cut)
BENCH = Bench(TARGET, Here(TARGET), Settings(seed=1, device="cpu"), (), (), math.inf)


def missing(sizes: str) -> Failure:
    """The gradient in X that is missing on these sizes."""
    case = TARGET.restrict(Case.parse(f"double_backward float64 {sizes} values=ones grad= nobias"))
    return next(f for f in BENCH.failures_on([case])[case] if f.judgement.lacks_gradient)


def has_these_options(failure: Failure) -> bool:
    """With which neither output reads an image of one pixel."""
    geometry = failure.case.geometry
    return (geometry.stride[1], geometry.padding[1]) == (4, (3, 3))


def test_a_gradient_that_is_missing_is_shown_where_it_should_not_be_zero() -> None:
    zero, other = (missing(f"h1 w{width} k1 s1x4 p0x3") for width in (1, 2))
    assert (zero.judgement.of_zeros, other.judgement.of_zeros) == (True, False)
    assert sorted((zero, other), key=size) == [other, zero]
    shown = minimal(other, BENCH, elsewhere=None, is_own=has_these_options)
    assert shown.case.geometry.input_size == (1, 2)
    shown = minimal(zero, BENCH, elsewhere=None, is_own=has_these_options)
    assert shown.judgement.of_zeros  # where no smaller one shows more


def nan_on_small_ones(input: Tensor, weight: Tensor) -> Tensor:
    """Wrong by one, and NaN where the image is one row high."""
    return conv2d(input, weight) + (math.nan if input.shape[2] == 1 else 1)


def lost_on_small_ones(input: Tensor, weight: Tensor) -> Tensor:
    """Its dK is twice what it should be, and missing where the image is one row high."""
    if input.shape[2] == 1:
        return conv2d(input, weight.detach())
    return conv2d(input, 2 * weight - weight.detach())


def of_another_dtype_on_small_ones(input: Tensor, weight: Tensor) -> Tensor:
    """Lacks a column, and where the image is one row high is right but for its dtype."""
    Y = conv2d(input, weight)
    return Y.half() if input.shape[2] == 1 else Y[..., 1:]


@pytest.mark.parametrize(
    ("target", "check", "quantity"),
    [
        (nan_on_small_ones, "certificate", "Y"),
        (lost_on_small_ones, "upstream_signs", "dK"),
        (of_another_dtype_on_small_ones, "certificate", "Y"),
    ],
)
@pytest.mark.parametrize("height", [1, 3])
def test_the_smallest_case_fails_as_the_finding_does(
    target: Any, check: str, quantity: str, height: int
) -> None:
    described = as_target(target)
    bench = Bench(described, Here(described), Settings(seed=1, device="cpu"), (), (), math.inf)
    case = Case.parse(f"{check} float64 h{height} w3 k1x2 grad=XK nobias")
    met = next(f for f in bench.failures_on([case])[case] if f.judgement.quantity == quantity)
    shown = minimal(met, bench, elsewhere=None, is_own=lambda _: True)
    assert shown.judgement.check == met.judgement.check
    assert shown.judgement.unlike == met.judgement.unlike
    assert shown.judgement.lacks_gradient == met.judgement.lacks_gradient
    assert ("nan" in shown.judgement.actual) == ("nan" in met.judgement.actual)
    assert shown.case.geometry.input_size[0] == min(height, 2)
