from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from conv_reference.operands import exact_operands
from conv_reference.verification.target.conventions import as_target
from conv_reference.verification.target.loading import target_of
from conv_reference.verification.target.strangers.attempt import TINY
from conv_reference.verification.target.strangers.other_operations import known_other

GIVEN = exact_operands(TINY, torch.float32, seed=0)
X, K, B = GIVEN.input, GIVEN.weight, GIVEN.bias

TRANSPOSED = "a transposed convolution (judged as one with --operator conv_transpose2d)"
OTHERS: dict[str, Callable[[], Tensor]] = {
    "a true convolution: the kernel is flipped": lambda: F.conv2d(X, K.flip(2, 3)),
    "a true convolution with a padding of half the kernel": lambda: F.conv2d(
        X, K.flip(2, 3), B, padding=(1, 2)
    ),
    "a cross-correlation, with a ReLU behind it": lambda: F.conv2d(X, K).relu(),
    "a true convolution: the kernel is flipped, with a ReLU behind it": lambda: F.conv2d(
        X, K.flip(2, 3), B
    ).relu(),
    "a cross-correlation with the padding of TensorFlow's SAME": lambda: F.conv2d(
        F.pad(X, (1, 2, 0, 1)), K
    ),
    "a cross-correlation with a padding of half the kernel": lambda: F.conv2d(X, K, padding=(1, 2)),
    TRANSPOSED: lambda: F.conv_transpose2d(X, K.transpose(0, 1)),
    "a cross-correlation with its bias added twice": lambda: F.conv2d(X, K, 2 * B),
    "the sum over the input channels is forgotten: the last alone counts": lambda: F.conv2d(
        X[:, -1:], K[:, -1:]
    ),
    "a mean over the kernel's taps in place of their sum": lambda: F.conv2d(X, K) / 8,
    "": lambda: F.conv2d(X, K) + 10,
}


@pytest.mark.parametrize("said", OTHERS, ids=lambda said: said or "nothing known")
def test_a_known_other_thing_is_told(said: str) -> None:
    assert known_other(OTHERS[said](), X, K, B, TINY) == said


@pytest.mark.parametrize("output_padding", [0, 1])
def test_a_transposed_layer_is_told_with_its_options(output_padding: int) -> None:
    class Up(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.ConvTranspose2d(4, 3, 3, 2, 1, output_padding)

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.conv(x)
            return out

    assert as_target(Up(), name="up").computes == TRANSPOSED


def test_a_cross_correlation_is_no_other_thing() -> None:
    assert not known_other(F.conv2d(X, K), X, K, B, TINY)


def test_what_has_other_dimensions_is_nothing_known() -> None:
    assert not known_other(torch.ones(4, 6), X, K, B, TINY)


def test_what_is_no_number_is_nothing_known() -> None:
    assert not known_other(torch.full((2, 5, 4, 6), float("nan")), X, K, B, TINY)


def flipped_squares(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    side = w.shape[2]
    windows = x.unfold(2, side, 1).unfold(3, side, 1)
    return torch.einsum("nchwij,ocij->nohw", windows, w.flip(2, 3)) + b[:, None, None]


def test_a_flipped_kernel_is_told_where_only_equal_sides_are_taken() -> None:
    target = target_of(flipped_squares, "mine:conv")
    assert "kernels of equal sides alone, for it raises on others" in target.called_as
    assert target.computes == "a true convolution: the kernel is flipped"
