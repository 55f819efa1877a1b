from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import conv2d
from torch.nn.grad import conv2d_input, conv2d_weight

from conv_reference.verification.diagnosis.grouping.pairings import (
    of_one_other_map,
    own_gradients,
)
from conv_reference.verification.execution import Settings
from conv_reference.verification.model.case import Case
from conv_reference.verification.target.conventions import as_target

CASE = "certificate float32 n3 c4 h4 w3 o5 k2x2 s1 p0 d1 g1 nobias"


def own(implementation: Any, case: str) -> frozenset[str]:
    return own_gradients(as_target(implementation), Case.parse(case), Settings(0, "cpu"))


def last_channel(input: Tensor, weight: Tensor) -> Tensor:
    return conv2d(input[:, -1:], weight[:, -1:])


class OfAll(torch.autograd.Function):
    """Y of the last channel alone, and the gradients of all."""

    @staticmethod
    def forward(ctx: Any, input: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(input, weight)
        return last_channel(input, weight)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Any:
        X, K = ctx.saved_tensors
        (G,) = grad_outputs
        return conv2d_input(X.shape, K, G), conv2d_weight(X, K.shape, G)


def of_all(input: Tensor, weight: Tensor) -> Tensor:
    Y: Tensor = OfAll.apply(input, weight)  # type: ignore[no-untyped-call]  # torch's own
    return Y


def of_a_mean(input: Tensor, weight: Tensor) -> Tensor:
    """Torch shares a gradient out among the elements of X that are one in memory, by a mean."""
    windows = input.as_strided(input.shape, input.stride())
    return last_channel(windows, weight)


def test_the_gradients_of_a_wrong_output_are_its_own() -> None:
    assert own(last_channel, CASE) == {"dX", "dK"}
    assert own(of_all, CASE) == frozenset()


def test_a_gradient_that_is_rounded_is_its_own_to_the_dtypes_precision() -> None:
    assert own(of_a_mean, f"{CASE} X=expanded") == {"dX", "dK"}
    assert own(of_all, f"{CASE} X=expanded") == frozenset()


class OfOtherUpstream(torch.autograd.Function):
    """Y as it should be; dX and dK each of an upstream gradient times a number of its own."""

    @staticmethod
    def forward(
        ctx: Any, input: Tensor, weight: Tensor, of_input: float, of_weight: float
    ) -> Tensor:
        ctx.save_for_backward(input, weight)
        ctx.times = of_input, of_weight
        return conv2d(input, weight)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Any:
        X, K = ctx.saved_tensors
        (G,), (of_input, of_weight) = grad_outputs, ctx.times
        dX = conv2d_input(X.shape, K, of_input * G)
        return dX, conv2d_weight(X, K.shape, of_weight * G), None, None


def of_other_upstream(of_input: float, of_weight: float) -> Any:
    def implementation(input: Tensor, weight: Tensor) -> Tensor:
        Y: Tensor = OfOtherUpstream.apply(input, weight, of_input, of_weight)  # type: ignore[no-untyped-call]  # torch's own
        return Y

    return implementation


@pytest.mark.parametrize(
    ("times", "told"),
    [((1, 1), None), ((2, 2), True), ((2, 3), False), ((1, 2), False), ((2, 1), False)],
)
def test_two_gradients_of_one_other_map_are_told_from_two_faults(
    times: tuple[float, float], told: bool | None
) -> None:
    target = as_target(of_other_upstream(*times))
    assert of_one_other_map(target, Case.parse(CASE), Settings(0, "cpu")) is told


def raises(input: Tensor, weight: Tensor) -> Tensor:
    raise ValueError(f"no {tuple(input.shape)}")


def test_nothing_is_told_of_gradients_that_are_not_there() -> None:
    target = as_target(raises)
    assert of_one_other_map(target, Case.parse(CASE), Settings(0, "cpu")) is None
