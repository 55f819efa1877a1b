from __future__ import annotations

from typing import Any

import pytest
from judging import exact_everywhere, failures, judged
from torch import nn
from torch.nn.functional import conv2d

from conv_reference import functional
from conv_reference.layer import ConvLayer_1
from conv_reference.verification.faults.collection import FAULTS
from conv_reference.verification.faults.sound import right

CASE = "calls_before float32 n2 c2 h4 w5 o3 k3x2 nobias"


@pytest.mark.parametrize(
    "implementation", [conv2d, nn.Conv2d, functional.conv2d, ConvLayer_1, right.Im2col]
)
def test_no_false_alarm(implementation: Any) -> None:
    assert exact_everywhere(implementation, "calls_before", count=2) > 0


@pytest.mark.parametrize(
    ("fault", "quantity", "said"),
    [
        ("answered_without_graph", "dX", "after a call in inference mode on the same tensors"),
        ("other_batch_before", "dK", "after a pass of more samples"),
    ],
)
def test_what_an_earlier_call_left_is_found(fault: str, quantity: str, said: str) -> None:
    found = failures(FAULTS[fault].function, CASE)
    assert said in found["calls_before", quantity]


def test_a_buffer_made_in_inference_mode_is_found() -> None:
    """Each way to call has sizes of its own: else the first would make the buffer for all."""
    raised = [j for j in judged(FAULTS["mask_of_inference"].function, CASE) if j.thrown is not None]
    (explanation,) = (judgement.explanation for judgement in raised)
    assert explanation.startswith(
        "after a call in inference mode on the same tensors: raised RuntimeError: Inference tensors"
    )
