"""Layers whose parameters have several names, and answers of a shape that no convolution has."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d

from conv_reference.verification import Verdict, verify

pytestmark = pytest.mark.usefixtures("without_circumstances")


class Named(nn.Module):
    """Its kernel is that of a layer within, under a name of its own."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Any, **options: Any
    ) -> None:
        super().__init__()
        self.inner = nn.Conv2d(in_channels, out_channels, kernel_size, **options)
        self.weight = self.inner.weight

    def forward(self, input: Tensor) -> Tensor:
        answer: Tensor = self.inner(input)
        return answer


def test_a_kernel_with_two_names_is_one() -> None:
    report = verify(Named, dtypes=["float32"], checks=["certificate", "jvp"], cases=20, seed=1)
    assert report.verdict == Verdict.EXACT


def test_numbers_that_change_in_another_shape_are_wrong_and_no_failure_of_the_engine() -> None:
    def unsteady(input: Tensor, weight: Tensor) -> Tensor:
        wide = conv2d(input, weight).transpose(1, 3)
        return wide + torch.rand_like(wide)

    report = verify(unsteady, dtypes=["float32"], checks=["repetition"], seed=1)
    (verdict,) = {result.verdict for result in report.checks}
    assert verdict == Verdict.WRONG
