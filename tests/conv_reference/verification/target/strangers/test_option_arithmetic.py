"""Torch's words, and integers behind them: such a target computes with a stride, or a padding."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from conv_reference import functional
from conv_reference.verification import verify
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.target.conventions import as_target
from conv_reference.verification.target.strangers.by_code import hands_on
from conv_reference.verification.target.strangers.option_arithmetic import computes_with

pytestmark = pytest.mark.usefixtures("without_circumstances")


class Halved(torch.nn.Module):
    """It has all of torch's words, and computes with its stride."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: Any, stride: int = 1):
        super().__init__()
        self.stride = stride
        self.weight = torch.nn.Parameter(torch.ones(out_channels, in_channels, *kernel_size))

    def forward(self, x: Tensor) -> Tensor:
        return functional.conv2d(x[..., : x.shape[3] // self.stride * self.stride], self.weight)


def test_a_layer_with_torchs_words_that_computes_with_integers_is_given_them() -> None:
    assert as_target(Halved).called_as == ("integers for stride",)


def dilated(x: Tensor, w: Tensor, stride: Any = 1, padding: Any = 0, dilation: Any = 1) -> Tensor:
    """It has all of torch's words, and computes with them."""
    size = (x.shape[2] + 2 * padding - dilation * (w.shape[2] - 1) - 1) // stride + 1
    columns = F.unfold(x, w.shape[2:], dilation, padding, stride)
    return (w.flatten(1) @ columns).reshape(len(x), len(w), size, -1)


class Dilated(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, w: Tensor, stride: Any = 1, padding: Any = 0, dilation: Any = 1
    ) -> Tensor:
        return dilated(x, w, stride, padding, dilation)


def applied(x: Tensor, w: Tensor, stride: Any = 1, padding: Any = 0, dilation: Any = 1) -> Any:
    return Dilated.apply(x, w, stride, padding, dilation)  # type: ignore[no-untyped-call]  # torch's


class HandedOn(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor, stride: Any = 1, dilation: Any = 1) -> Tensor:
        return F.conv2d(x, w, None, stride, 0, dilation)


def handed_on(x: Tensor, w: Tensor, stride: Any = 1, dilation: Any = 1) -> Any:
    return HandedOn.apply(x, w, stride, dilation)  # type: ignore[no-untyped-call]  # torch's


@pytest.mark.parametrize("function", [dilated, Dilated, applied])
def test_a_function_with_torchs_words_that_computes_with_integers_is_given_them(
    function: Any,
) -> None:
    assert as_target(function).integers == {"dilation", "padding", "stride"}


def test_one_that_hands_its_options_on_is_called_as_torch_is_and_not_for_nothing() -> None:
    assert not hands_on(applied)
    assert all(hands_on(each) for each in (HandedOn, handed_on, F.conv2d))
    assert not as_target(handed_on).integers


def one_sided(
    input: Tensor, weight: Tensor, bias: Any = None, stride: Any = 1, padding: Any = 0
) -> Tensor:
    """It computes with its padding, wrongly, and hands on its stride."""
    return F.conv2d(F.pad(input, (0, 2 * padding, padding, padding)), weight, bias, stride)


def four_sides(input: Tensor, weight: Tensor, stride: Any = 1, padding: Any = 0) -> Tensor:
    return F.conv2d(F.pad(input, [padding] * 4), weight, None, stride)


def by_another(input: Tensor, weight: Tensor, padding: Any = 0) -> Tensor:
    return F.conv2d(widened(input, padding), weight)


def widened(image: Tensor, by: Any) -> Tensor:
    return F.pad(image, (by, by, by, by))


def by_keyword(input: Tensor, weight: Tensor, padding: Any = 0) -> Tensor:
    return F.conv2d(widened(by=padding, image=input), weight)


def by_another_of_another(input: Tensor, weight: Tensor, padding: Any = 0) -> Tensor:
    def all_around(image: Tensor, rim: Any) -> Tensor:
        return widened(image, rim)

    return F.conv2d(all_around(input, padding), weight)


class OneSided(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, input: Tensor, weight: Tensor, padding: Any = 0) -> Tensor:
        return one_sided(input, weight, padding=padding)


class PaddedLayer(torch.nn.Module):
    """It pads its image, and its torch's words are those of a layer."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
    ):
        super().__init__()
        self.stride, self.padding = stride, padding
        self.weight = torch.nn.Parameter(torch.ones(out_channels, in_channels, *kernel_size))

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(
            F.pad(x, (0, 2 * self.padding, 0, 2 * self.padding)), self.weight, None, self.stride
        )


@pytest.mark.parametrize(
    "implementation",
    [one_sided, four_sides, by_another, by_keyword, by_another_of_another, OneSided, PaddedLayer],
)
def test_one_that_computes_with_a_padding_and_hands_on_the_rest_is_given_integers_for_that(
    implementation: Any,
) -> None:
    assert as_target(implementation).integers == {"padding"}


@pytest.mark.slow
def test_a_wrong_one_is_judged_then() -> None:
    report = verify(
        one_sided, checks=["certificate"], dtypes=["float64"], cases=40, seed=0, known=None
    )
    assert report.verdict == Verdict.WRONG
    assert report.called_as == ("integers for padding",)


def test_a_pair_that_is_taken_apart_is_handed_on() -> None:
    def apart(input: Tensor, weight: Tensor, stride: Any = 1, padding: Any = (0, 0)) -> Tensor:
        left = 2 * padding[1]
        return F.conv2d(F.pad(input, (left - padding[1], padding[1])), weight, None, stride)

    assert not computes_with(apart, {"stride", "padding"})
    assert not computes_with(F.conv2d, {"stride", "padding"})
    assert computes_with(one_sided, {"padding"})
    assert not computes_with(one_sided, {"stride"})
    assert computes_with(lambda x, w, padding=0: F.conv2d(F.pad(x, (padding,) * 4), w), {"padding"})


class HalvedSame(Halved):
    """And what it computes fits nowhere."""

    def forward(self, x: Tensor) -> Tensor:
        kh, kw = self.weight.shape[2:]
        padded = F.pad(x, ((kw - 1) // 2, kw // 2, (kh - 1) // 2, kh // 2))
        return super().forward(padded).relu()


def test_who_fits_nowhere_is_not_given_pairs_that_it_cannot_compute_with() -> None:
    target = as_target(HalvedSame)
    assert target.called_as == ("integers for stride",)
    assert target.computes == (
        "a cross-correlation with the padding of TensorFlow's SAME, with a ReLU behind it"
    )
