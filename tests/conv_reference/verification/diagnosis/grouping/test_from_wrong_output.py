from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import conv2d
from torch.nn.grad import conv2d_input, conv2d_weight

from conv_reference.verification.diagnosis.grouping.from_wrong_output import own_gradients
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
