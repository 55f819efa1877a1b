"""Kernels of one size alone: of a layer that takes none, and of who answers one tap and no more."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d

from conv_reference.verification import verify
from conv_reference.verification.model.errors import TargetError
from conv_reference.verification.target.conventions import as_target

pytestmark = pytest.mark.usefixtures("without_circumstances")


class Pointwise(nn.Module):
    """A kernel of one tap; wrong by its bias, where a test says so."""

    times = 1

    def __init__(self, in_channels: int, out_channels: int, bias: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, 1, 1))
        self.bias = nn.Parameter(torch.zeros(out_channels)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        Y = torch.einsum("nchw,oc->nohw", x, self.weight[:, :, 0, 0])
        return Y if self.bias is None else Y + self.times * self.bias.view(1, -1, 1, 1)


class OfThree(nn.Module):
    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, 3, 3))

    def forward(self, x: Tensor) -> Tensor:
        return conv2d(x, self.weight)


@pytest.mark.parametrize(("layer", "side"), [(Pointwise, 1), (OfThree, 3)])
def test_a_layer_that_takes_no_size_is_judged_at_that_which_it_has(layer: Any, side: int) -> None:
    report = verify(layer, checks=["certificate", "large"], cases=40, dtypes="float32", seed=0)
    assert report, str(report)
    assert report.called_as == (f"kernels of {side}x{side} alone",)
    assert report.where == f"kh == {side} and kw == {side}"
    assert report.answered > 20
    again = verify(
        layer, convention=report.convention, checks="forward", cases=8, dtypes="float32", seed=0
    )
    assert again, str(again)
    assert again.where == report.where


@pytest.mark.slow
def test_what_is_wrong_there_is_found() -> None:
    class Twice(Pointwise):
        times = 2

    report = verify(Twice, checks="certificate", cases=40, dtypes="float32", seed=0)
    assert {finding.quantity for finding in report.findings} == {"Y", "db"}


def test_who_refuses_more_than_one_tap_on_purpose_is_called_so() -> None:
    def of_one(x: Tensor, w: Tensor) -> Tensor:
        if w.shape[:2] != (1, 1):
            raise ValueError("kernels of one tap only")
        return x @ w[0, 0]

    target = as_target(of_one)
    assert target.called_as[-1] == "kernels of 1x1 alone, for it raises on others"
    assert target.domain.where == "kh == 1 and kw == 1"


def test_who_fails_on_more_than_one_tap_is_no_convolution_of_one() -> None:
    """Where torch's signature fits, what raises in the midst is a fault, and not left out."""

    def of_one(input: Tensor, weight: Tensor) -> Tensor:
        return torch.einsum("nchw,oc->nohw", input, weight.view(len(weight), -1))

    assert not as_target(of_one).domain.where


def test_what_is_no_convolution_of_any_size_is_refused_as_before() -> None:
    class Block(Pointwise):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x).relu()

    with pytest.raises(TargetError, match="accepted is a layer with a parameter kernel_size"):
        as_target(Block)
