from __future__ import annotations

from typing import Any

import pytest
from torch import Tensor, nn

from conv_reference.verification.model.errors import TargetError
from conv_reference.verification.target.loading import target_of


def of_no_size(x: Tensor, w: Tensor, b: Tensor, pad: int = 0) -> Any:
    return [][len(b)]


def test_what_is_thrown_at_no_bias_is_not_said_of_who_must_be_given_one() -> None:
    with pytest.raises(TargetError, match="IndexError: list index out of range"):
        target_of(of_no_size, "mine:conv")


class Separable(nn.Module):
    """Two convolutions, under names that are not torch's."""

    def __init__(self, nin: int, nout: int, kernel_size: int = 3) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(nin, nin, kernel_size, groups=nin, bias=False)
        self.pointwise = nn.Conv2d(nin, nout, 1, bias=False)

    def forward(self, x: Tensor) -> Any:
        return self.pointwise(self.depthwise(x))


def test_a_layer_of_two_kernels_is_refused_for_these_and_not_for_its_constructors_words() -> None:
    said = r"at most one bias, got parameters of shapes \[\(3, 1, 2, 2\), \(5, 3, 1, 1\)\]"
    with pytest.raises(TargetError, match=said):
        target_of(Separable, "mine:Separable")
