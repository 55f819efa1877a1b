from __future__ import annotations

from typing import Any

import pytest
import torch
from modes import ask, verdicts, wrong
from torch import Tensor

from conv_reference import functional, layer
from conv_reference.verification.model.result import Verdict

RIGHT = [torch.nn.functional.conv2d, torch.nn.Conv2d, functional.conv2d, layer.ConvLayer_1]


@pytest.mark.parametrize("implementation", RIGHT, ids=lambda i: i.__name__)
def test_what_is_right_is_right_to_eight_bits(implementation: Any) -> None:
    judgements = ask(implementation, "autocast", "float32")
    assert verdicts(judgements) <= {Verdict.EXACT, Verdict.ROUNDED}
    assert len(judgements) >= 6  # Y, dX and dK, over integers and over reals


def test_another_dtype_is_wrong() -> None:
    def half(input: Tensor, weight: Tensor) -> Tensor:
        Y = torch.nn.functional.conv2d(input, weight)
        return Y.half() if torch.is_autocast_enabled("cpu") else Y

    assert wrong(ask(half, "autocast", "float32")) == {"Y"}


def test_a_fault_that_only_autocast_meets_is_wrong() -> None:
    def doubled(input: Tensor, weight: Tensor) -> Tensor:
        Y = torch.nn.functional.conv2d(input, weight)
        return 2 * Y if Y.dtype == torch.bfloat16 else Y

    assert wrong(ask(doubled, "autocast", "float32")) == {"Y", "dX", "dK"}
