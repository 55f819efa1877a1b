from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from conv_reference.verification import verify
from conv_reference.verification.target.conventions import as_target
from conv_reference.verification.trial.tiny import tiny_judgements


class Last(nn.Module):
    """NHWC, a kernel as HWIO, a bias of four dimensions, padding as SAME."""

    def __init__(self, kernel: tuple[int, int, int, int] = (3, 2, 4, 5)) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.randn(kernel))
        self.bias = nn.Parameter(torch.randn(1, 1, 1, kernel[3]))
        self.padding = "SAME"

    def forward(self, x: Tensor) -> Tensor:
        kh, kw = self.kernel.shape[:2]
        pad = ((kw - 1) // 2, kw // 2, (kh - 1) // 2, kh // 2)
        y = F.conv2d(F.pad(x.permute(0, 3, 1, 2), pad), self.kernel.permute(3, 2, 0, 1))
        return y.permute(0, 2, 3, 1) + self.bias


class Matrix(nn.Module):
    """A kernel that is a matrix; the taps are an attribute."""

    def __init__(self, *, told: bool = True) -> None:
        super().__init__()
        self.W = nn.Parameter(torch.randn(4, 3 * 2 * 2))
        self.strides = 2
        if told:
            self.ks = (2, 2)

    def forward(self, x: Tensor) -> Tensor:
        y = self.W @ F.unfold(x, (2, 2), stride=self.strides)
        return y.reshape(*y.shape[:2], (x.shape[2] - 2) // self.strides + 1, -1)


def test_an_instance_in_other_forms_is_called_as_it_wants() -> None:
    target = as_target(Last())
    assert target.called_as == ("X as NHWC", "K as HWIO")
    assert target.always_biased
    assert target.fixed["kernel_size"] == (3, 2)
    assert target.fixed["padding"] == ((1, 1), (0, 1))
    assert target.assumptions == "stride 1, dilation 1, groups 1"
    report = verify(Last(), checks="certificate", dtypes="float32", cases=30, seed=0, known=None)
    assert report, str(report)
    assert "called with X as NHWC; K as HWIO" in str(report).splitlines()[1]


def test_the_taps_of_a_matrix_are_those_of_an_attribute() -> None:
    target = as_target(Matrix())
    assert target.fixed["kernel_size"] == target.fixed["stride"] == (2, 2)
    assert all(judgement.is_exact for judgement in tiny_judgements(target))
    assert not all(j.is_exact for j in tiny_judgements(as_target(Matrix(told=False))))


class Between(nn.Module):
    """As ``Matrix``, its kernel in a part of the part that has its attributes."""

    part: Any

    def __init__(self) -> None:
        super().__init__()
        matrix: Any = nn.Module()
        self.part = Matrix()
        matrix.W = self.part.W
        del self.part.W
        self.part.inner = matrix

    def forward(self, x: Tensor) -> Any:
        y = F.unfold(x, self.part.ks, stride=self.part.strides)
        rows, columns = ((s - 2) // 2 + 1 for s in x.shape[2:])
        return (self.part.inner.W @ y).unflatten(2, (rows, columns))


def test_attributes_of_a_part_around_the_kernels_are_the_layers() -> None:
    target = as_target(Between())
    assert target.fixed["kernel_size"] == target.fixed["stride"] == (2, 2)
    assert all(judgement.is_exact for judgement in tiny_judgements(target))


class TwoNumbers(nn.Module):
    """Its kernel's height and width are two attributes of the part that has it."""

    part: Any

    def __init__(self) -> None:
        super().__init__()
        part: Any = nn.Module()
        part.W = nn.Parameter(torch.randn(3, 2 * 2 * 3))
        part.kernel_height, part.kernel_width = 2, 3
        self.part = part

    def forward(self, x: Tensor) -> Any:
        rows, columns = x.shape[2] - 1, x.shape[3] - 2
        return (self.part.W @ F.unfold(x, (2, 3))).unflatten(2, (rows, columns))


def test_two_numbers_of_the_kernels_part_are_its_size() -> None:
    target = as_target(TwoNumbers())
    assert target.fixed["kernel_size"] == (2, 3)
    assert all(judgement.is_exact for judgement in tiny_judgements(target))


class Odd(Last):
    def forward(self, x: Tensor) -> Any:
        return 2 * super().forward(x)


def test_a_wrong_one_is_called_so_and_is_wrong() -> None:
    target = as_target(Odd())
    assert target.called_as == ("X as NHWC", "K as HWIO")
    assert not all(judgement.is_exact for judgement in tiny_judgements(target))
