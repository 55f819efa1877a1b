from __future__ import annotations

from typing import Any

import pytest
import torch
from judging import exact_everywhere, failures
from torch import Tensor
from torch.nn.functional import conv2d

from conv_reference import functional
from conv_reference.layer import ConvLayer_1
from conv_reference.verification.faults.collection import FAULTS
from conv_reference.verification.faults.sound import right

SIZES = "float32 n2 c2 h5 w6 o3 k3x2"


@pytest.mark.untraced
@pytest.mark.parametrize(
    "implementation", [conv2d, torch.nn.Conv2d, functional.conv2d, ConvLayer_1, right.Im2col]
)
def test_no_false_alarm(implementation: Any) -> None:
    assert exact_everywhere(implementation, "structured_zeros", count=3) > 0


@pytest.mark.parametrize(
    ("name", "quantity", "slice_"),
    [
        ("pruned_channel", "dK", "the last output channel of K is all zero"),
        ("zero_sample_skipped", "dX", "the last sample of X is all zero"),
    ],
)
def test_work_that_is_skipped_is_found(name: str, quantity: str, slice_: str) -> None:
    found = failures(FAULTS[name].function, f"structured_zeros {SIZES}")
    assert found["structured_zeros", quantity].startswith(slice_)


def test_of_a_single_slice_the_whole_operand_is_zero() -> None:
    found = failures(FAULTS["pruned_channel"].function, "structured_zeros float32 h5 w6 k3x2")
    said = found["structured_zeros", "dK"]
    assert said.startswith("K, of one input channel, is all zero")


def test_samples_that_are_skipped_for_inference_are_found() -> None:
    def skipping(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        Y = conv2d(input, weight, bias)
        if not Y.requires_grad:
            Y[~input.flatten(1).any(1)] = 0
        return Y

    case = "structured_zeros float32 n3 c2 h5 w6 o3 k3x2"
    assert failures(skipping, case) == {}
    found = failures(skipping, f"{case} grad=")
    assert found["structured_zeros", "Y"].startswith("the last sample of X is all zero: ")
