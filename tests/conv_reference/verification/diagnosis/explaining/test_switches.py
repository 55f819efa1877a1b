"""With which setting of the device a failure comes out right."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from conv_reference.verification import accelerator
from conv_reference.verification.diagnosis.bench import Bench
from conv_reference.verification.diagnosis.explaining import switches
from conv_reference.verification.execution import Settings, judge_case
from conv_reference.verification.model.case import Case, Values
from conv_reference.verification.model.judgement import Failure
from conv_reference.verification.model.result import FAILURES
from conv_reference.verification.target.conventions import as_target
from conv_reference.verification.work.here import Here

_CASE = Case.parse("certificate float32 n1 c2 h5 w5 o2 k3 grad=XK nobias")


def _cut(tensor: Tensor) -> Tensor:
    """Ten bits of each number, as TF32 keeps."""
    return (tensor.view(torch.int32) & ~0x1FFF).view(torch.float32)


def _with_tf32(input: Tensor, weight: Tensor) -> Tensor:
    allowed = accelerator.cudnn()[3]
    return (
        functional.conv2d(_cut(input), _cut(weight))
        if allowed
        else functional.conv2d(input, weight)
    )


def _wrong_in_cudnn(input: Tensor, weight: Tensor) -> Tensor:
    found = functional.conv2d(input, weight)
    return found + 1 if accelerator.cudnn()[0] else found


def _wrong(input: Tensor, weight: Tensor) -> Tensor:
    return functional.conv2d(input, weight) + 1


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (
            _with_tf32,
            "TF32: right with torch.backends.cudnn.allow_tf32 = False; --allow-bits 10 accepts it.",
        ),
        (_wrong_in_cudnn, "Right with torch.backends.cudnn.enabled = False."),
        (_wrong, ""),
    ],
)
def test_the_setting_with_which_a_case_is_right_is_named(
    function: Callable[..., Any], said: str
) -> None:
    target, settings = as_target(function), Settings(seed=0, device="cpu")
    bench = Bench(target, Here(target), settings, (), (), time.monotonic() + 60)
    case = replace(_CASE, values=Values.HEAVY_INPUT)
    with accelerator.cudnn_set({"allow_tf32": True, "enabled": True}):
        judged = judge_case(target, case, settings)
        failure = Failure(case, next(j for j in judged if j.verdict in FAILURES))

        assert switches.right_with(failure, bench) == said


def test_on_the_processor_no_setting_is_asked_for() -> None:
    target, settings = as_target(_wrong), Settings(seed=0, device="cpu")
    bench = Bench(target, Here(target), settings, (), (), time.monotonic() + 60)
    failure = Failure(_CASE, judge_case(target, _CASE, settings)[0])

    assert switches.switched(failure, bench) == ""
