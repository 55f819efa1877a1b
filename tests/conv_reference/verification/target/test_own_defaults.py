from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from conv_reference.verification import verify
from conv_reference.verification.commands.tiny_case import reported
from conv_reference.verification.report.calling import calling
from conv_reference.verification.report.json import content
from conv_reference.verification.target.conventions import as_target

pytestmark = pytest.mark.usefixtures("without_circumstances")

_PAIR, _ONES = [0, 1], [1, 1]


def strided(x: Any, weight: Any, bias: Any = None, stride: Any = 2, padding: Any = 1) -> Any:
    return F.conv2d(x, weight, bias, stride, padding)


def renamed(x: Any, w: Any, b: Any = None, pad: Any = (1, 1), strides: Any = 1) -> Any:
    return F.conv2d(x, w, b, strides, pad)


def neutral(x: Any, w: Any, b: Any = None, pad: Any = "valid", strides: Any = None) -> Any:
    pad = 0 if pad == "valid" else pad
    return F.conv2d(x, w, b, 1 if strides is None else strides, pad)


def listed(x: Any, w: Any, b: Any = None, pad: Any = _PAIR, strides: Any = _ONES) -> Any:
    return F.conv2d(x, w, b, strides, pad)


def in_sides(x: Any, w: Any, b: Any = None, pad_h: Any = 1, pad_w: Any = 0) -> Any:
    return F.conv2d(x, w, b, 1, (pad_h, pad_w))


class Padded(nn.Conv2d):
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        padding: int = 1,
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, stride, padding)


class Strided(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, input: Tensor, weight: Tensor, stride: Any = 2) -> Tensor:
        return F.conv2d(input, weight, None, stride)


@pytest.mark.parametrize(
    ("implementation", "expected"),
    [
        (strided, ("stride=2", "padding=1")),
        (renamed, ("pad=(1, 1)",)),
        (neutral, ()),
        (listed, ("pad=[0, 1]",)),
        (in_sides, ("pad_h, pad_w=(1, 0)",)),
        (Padded, ("padding=1",)),
        (Strided, ("stride=2",)),
        (Padded(1, 1, 1), ()),  # what an instance has is settled
        (F.conv2d, ()),
        (nn.Conv2d, ()),
    ],
)
def test_defaults_that_are_not_torchs(implementation: Any, expected: tuple[str, ...]) -> None:
    assert as_target(implementation).own_defaults == expected


def test_they_are_told_at_the_top_of_a_report() -> None:
    report = verify(strided, checks="certificate", dtypes="float32", cases=3, seed=0)
    assert report.passed
    assert "its defaults are not torch's: stride=2, padding=1" in calling(report)
    assert content(report)["own_defaults"] == ["stride=2", "padding=1"]


def test_a_trial_tells_them_too() -> None:
    verdict, lines = reported("module:strided", strided)
    assert verdict == "right"
    assert "  its defaults are not torch's: stride=2, padding=1" in lines
