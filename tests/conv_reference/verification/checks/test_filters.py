from __future__ import annotations

from typing import Any

import pytest
import torch
from judging import failures_on_its_own, judged_on_its_own
from torch import Tensor
from torch.nn.functional import conv2d, pad

from conv_reference import functional
from conv_reference.layer import ConvLayer_1
from conv_reference.verification.faults.sound import right
from conv_reference.verification.model.result import Verdict


@pytest.mark.parametrize(
    "implementation",
    [
        conv2d,
        torch.nn.Conv2d,
        functional.conv2d,
        pytest.param(ConvLayer_1, marks=pytest.mark.slow),
        right.Im2col,
    ],
)
def test_no_false_alarm(implementation: Any) -> None:
    verdicts = {j.verdict for j in judged_on_its_own(implementation, "fixed_filters", "float32")}
    assert verdicts
    assert verdicts <= {Verdict.EXACT, Verdict.ROUNDED}


def summed_area(input: Tensor, weight: Tensor, padding: Any = 0, groups: int = 1) -> Tensor:
    """A mean over windows by a table of sums from the corner on; else torch's."""
    rows, columns = weight.shape[2:]
    if bool((weight != weight[:, :, :1, :1]).any()):
        return conv2d(input, weight, padding=padding, groups=groups)
    down, across = (padding, padding) if isinstance(padding, int) else padding
    table = pad(input, (across + 1, across, down + 1, down)).cumsum(2).cumsum(3)
    table = table[:, :, rows:] - table[:, :, :-rows]
    table = table[..., columns:] - table[..., :-columns]
    return conv2d(table, weight[:, :, :1, :1], groups=groups)


def test_digits_that_a_table_takes_are_missed() -> None:
    found = failures_on_its_own(summed_area, "fixed_filters")
    assert found.keys() == {("fixed_filters", "Y")}
    assert "where K is a mean" in found["fixed_filters", "Y"]
    assert "over numbers from 1 to 2" in found["fixed_filters", "Y"]


def test_a_kernel_that_is_recognised_and_done_wrong_is_found() -> None:
    def forgetful(input: Tensor, weight: Tensor, padding: int = 0, groups: int = 1) -> Tensor:
        Y = conv2d(input, weight, padding=padding, groups=groups)
        lonely = int((weight != 0).sum()) == len(weight)
        return Y if input.requires_grad or not lonely else Y.abs()

    found = failures_on_its_own(forgetful, "fixed_filters")
    assert found["fixed_filters", "Y"].startswith("where K is an identity, without gradients: ")
