"""Where no convention fits, that is told which was answered, and not what another attempt threw."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from conv_reference.verification.model.errors import TargetError
from conv_reference.verification.target.conventions import as_target
from conv_reference.verification.trial.tiny import tiny_judgements


class OfPlanes(nn.Module):
    """A course's layer: it takes (N, H, W), and its constructor a kernel's height and width."""

    def __init__(self, h: int, w: int) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.rand(h, w))

    def forward(self, X: Tensor) -> Any:
        N, H, W = X.shape
        h, w = self.kernel.shape
        rows, columns = self._sizes(H, W, h, w)
        Y = torch.zeros(N, rows, columns, dtype=X.dtype)
        for i in range(min(rows, H - h + 1)):
            for j in range(min(columns, W - w + 1)):
                Y[:, i, j] = (self.kernel * X[:, i : i + h, j : j + w]).sum(dim=(1, 2))
        return self._handed_back(Y)

    def _sizes(self, H: int, W: int, h: int, w: int) -> tuple[int, int]:
        return H - h + 1, W - w + 1

    def _handed_back(self, Y: Tensor) -> Any:
        return Y


class ColumnShort(OfPlanes):
    def _sizes(self, H: int, W: int, h: int, w: int) -> tuple[int, int]:
        return H - h + 1, W - w


class AsLargeAsTheImage(OfPlanes):
    def _sizes(self, H: int, W: int, h: int, w: int) -> tuple[int, int]:
        return H, W


class OfSidesExchanged(OfPlanes):
    def _sizes(self, H: int, W: int, h: int, w: int) -> tuple[int, int]:
        return H - w + 1, W - h + 1


class AsLists(OfPlanes):
    def _handed_back(self, Y: Tensor) -> Any:
        return Y.tolist()


class WithoutReturn(OfPlanes):
    def _handed_back(self, Y: Tensor) -> Any:
        return None


@pytest.mark.parametrize(
    ("layer", "actual"),
    [
        (ColumnShort, "of shape (2, 4, 5) and torch.float32"),
        (AsLargeAsTheImage, "of shape (2, 5, 9) and torch.float32"),
        (OfSidesExchanged, "of shape (2, 2, 8) and torch.float32"),
        (AsLists, "list"),
        (WithoutReturn, "NoneType"),
    ],
)
def test_a_layer_is_told_what_it_answers(layer: type[OfPlanes], actual: str) -> None:
    target = as_target(layer)
    assert "X as NHW" in target.called_as
    said = tiny_judgements(target)[0]
    assert "of shape (2, 4, 6)" in said.expected
    assert said.actual == actual


def channels_last(x: Tensor, w: Tensor) -> Tensor:
    """Of (N, H, W, C) and (kh, kw, c, o), one row short."""
    kh, kw, c, _ = w.shape
    if c != x.shape[3]:
        raise ValueError(f"{c} channels, not {x.shape[3]}")
    windows = x.unfold(1, kh, 1).unfold(2, kw, 1)
    return torch.einsum("nhwcij,ijco->nhwo", windows, w)[:, :-1]


def sum_of_planes(x: Tensor, w: Tensor) -> Tensor:
    """No convolution: one number for each sample, whatever the kernel."""
    return x.flatten(1).sum(1) + w.sum()


def test_a_function_is_told_what_it_answers_where_the_sizes_of_its_planes_alone_are_wrong() -> None:
    target = as_target(channels_last)
    assert target.called_as == ("X as NHWC", "K as HWIO")
    assert tiny_judgements(target)[0].actual == "of shape (2, 5, 3, 6) and torch.float32"
    assert as_target(sum_of_planes).called_as == ()


def of_one_side(x: Tensor, w: Tensor) -> Tensor:
    """Of (N, C, H, W): a square image, and a square kernel."""
    N, _, side, _ = x.shape
    o, _, k, _ = w.shape
    Y = x.new_zeros(N, o, side - k + 1, side - k + 1)
    for i in range(side - k + 1):
        for j in range(side - k + 1):
            Y[:, :, i, j] = torch.einsum("ncij,ocij->no", x[:, :, i : i + k, j : j + k], w)
    return Y


def in_a_list(x: Tensor, w: Tensor) -> Tensor:
    """The same of (C, H, W), where nothing else than squares is answered."""
    if x.dim() != 3:
        raise ValueError(f"{x.dim()} dimensions")
    return of_one_side(x[None], w)[0]


def test_who_answers_squares_alone_is_found_by_a_square() -> None:
    target = as_target(in_a_list)
    assert "X as CHW" in target.called_as


def one_side_for_both(x: Tensor, w: Tensor) -> Tensor:
    """A kernel's height is taken for its width: another one is answered, wrongly."""
    k = w.shape[2]
    windows = x.unfold(2, k, 1).unfold(3, k, 1)
    return torch.einsum("nchwij,ocij->nohw", windows, w[..., :k])


def test_who_answers_kernels_of_unequal_sides_is_judged_on_them() -> None:
    target = as_target(one_side_for_both)
    assert not target.integers
    assert tiny_judgements(target)[0].actual == "of shape (2, 5, 4, 8) and torch.float32"


def no_columns(x: Tensor, w: Tensor) -> Tensor:
    """It takes one channel, and answers none."""
    return x[:, :0, : 1 - w.shape[0]] if x.shape[1] == 1 else NotImplemented


def two_answers(x: Tensor, w: Tensor) -> Tensor:
    """It takes (N, 1, H, W), and answers two channels, of which the first is right."""
    if x.dim() != 4 or w.dim() != 2:
        raise ValueError("a plane and a kernel of two dimensions")
    windows = x.unfold(2, w.shape[0], 1).unfold(3, w.shape[1], 1)
    Y = torch.einsum("nchwij,ij->nchw", windows, w)
    return torch.cat([Y, Y], 1)


@pytest.mark.parametrize("function", [no_columns, two_answers])
def test_of_one_channel_no_other_number_of_them_is_taken_for_it(function: Any) -> None:
    target = as_target(function)  # the engine does not fail
    assert any(judgement.verdict != "exact" for judgement in tiny_judgements(target))


class WithoutParameter(nn.Module):
    def __init__(self, kernel_size: tuple[int, int]) -> None:
        super().__init__()
        self.kernel = torch.rand(*kernel_size)

    def forward(self, X: Tensor) -> Tensor:
        return X


def test_a_layer_without_a_parameter_is_told_so_and_not_what_its_constructor_throws() -> None:
    with pytest.raises(TargetError, match=r"it has no nn\.Parameter when it is made"):
        as_target(WithoutParameter)


class OfSquares(nn.Module):
    """Its constructor takes a pair, and its forward pass one side for both."""

    def __init__(self, kernel_size: tuple[int, int]) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.rand(*kernel_size))

    def forward(self, X: Tensor) -> Tensor:
        k = self.kernel.shape[0]
        windows = X.unfold(1, k, 1).unfold(2, k, 1)
        return torch.einsum("nhwij,ij->nhw", windows, self.kernel)


def test_a_constructor_that_takes_a_pair_alone_is_given_one() -> None:
    target = as_target(OfSquares)
    assert not target.integers
    assert tiny_judgements(target)[0].thrown is not None  # 2x4 is asked for, and raises
