# Functions of torch.autograd are untyped.
# mypy: disable-error-code="no-untyped-call, no-any-return"

from __future__ import annotations

from typing import Any

import pytest
import torch
from judging import exact_everywhere, failures, judged
from torch import Tensor
from torch.nn.functional import conv2d
from torch.nn.grad import conv2d_input, conv2d_weight

from conv_reference import functional
from conv_reference.layer import ConvLayer_1
from conv_reference.verification.faults.sound import right
from conv_reference.verification.model.result import Verdict

CASE = "negative_bit float32 n2 c2 h5 w6 o3 k3x2"


@pytest.mark.parametrize(
    "implementation", [conv2d, torch.nn.Conv2d, functional.conv2d, ConvLayer_1, right.Im2col]
)
def test_no_false_alarm(implementation: Any) -> None:
    assert exact_everywhere(implementation, "negative_bit", count=3) > 0


def as_it_lies(tensor: Tensor) -> Tensor:
    """The numbers at the tensor's address, as a kernel reads them that is handed nothing else."""
    return torch._neg_view(tensor) if tensor.is_neg() else tensor


class ByAddress(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, X: Tensor, K: Tensor) -> Tensor:
        ctx.save_for_backward(X, K)
        return conv2d(as_it_lies(X), as_it_lies(K))

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Any:
        X, K = ctx.saved_tensors
        G = as_it_lies(grad_outputs[0])
        return conv2d_input(X.shape, K, G), conv2d_weight(X, K.shape, G)


def by_address(input: Tensor, weight: Tensor) -> Tensor:
    return ByAddress.apply(input, weight)


def test_an_address_that_is_read_as_it_lies_is_found() -> None:
    found = failures(by_address, CASE)
    assert {quantity for _, quantity in found} == {"Y", "dX", "dK"}
    assert "where K has the negative bit, as z.conj().imag" in found["negative_bit", "Y"]
    assert "where G has the negative bit, as z.conj().imag" in found["negative_bit", "dX"]


def refusing(input: Tensor, weight: Tensor) -> Tensor:
    if input.is_neg():
        raise RuntimeError("negative bit")
    return conv2d(input, weight)


def test_who_raises_is_not_silently_wrong() -> None:
    verdicts = {judgement.verdict for judgement in judged(refusing, CASE)}
    assert verdicts == {Verdict.EXACT, Verdict.UNSUPPORTED}


def test_of_no_gradients_it_asks_as_well() -> None:
    def inference(input: Tensor, weight: Tensor) -> Tensor:
        as_asked = input.requires_grad or weight.requires_grad
        return conv2d(input if as_asked else as_it_lies(input), weight)

    assert failures(inference, CASE) == {}
    assert failures(inference, f"{CASE} grad=").keys() == {("negative_bit", "Y")}
