"""What a target's own code compares its sizes with is met in every run."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import conv2d

from conv_reference.geometry import Geometry
from conv_reference.verification import verify
from conv_reference.verification.plan.bulk import threshold_cases
from conv_reference.verification.plan.thresholds import at_thresholds
from conv_reference.verification.target.conventions import as_target

_FEW = 23


def _is_far(X: Tensor, *, most: int = 37) -> bool:
    return X.shape[0] > most


def guarded(input: Tensor, weight: Tensor, stride: Any = 1) -> Tensor:
    if weight.shape[0] == 11 and weight.shape[3] == 3:
        return -conv2d(input, weight, stride=stride)
    if weight.shape[1] >= 48 and input.shape[2] * input.shape[3] >= 400 and stride == (2, 2):
        return -conv2d(input, weight, stride=stride)
    if _is_far(input) or input.shape[1] == _FEW:
        return -conv2d(input, weight, stride=stride)
    return conv2d(input, weight, stride=stride)


GUARDS: dict[str, Callable[[Geometry], bool]] = {
    "11 channels, 3 columns": lambda g: g.out_channels == 11 and g.kernel_size[1] == 3,
    "deep, wide and strided": lambda g: (
        g.group_channels[0] >= 48 and math.prod(g.input_size) >= 400 and g.stride == (2, 2)
    ),
    "a default": lambda g: g.batch > 37,
    "a global": lambda g: g.in_channels == 23,
}


@pytest.mark.untraced
@pytest.mark.parametrize("guard", GUARDS)
def test_each_threshold_of_the_code_is_met_in_each_run(guard: str) -> None:
    target = as_target(guarded)
    for seed in range(5):
        cases = threshold_cases(target, (torch.float32, torch.bfloat16), seed, 600)
        assert any(GUARDS[guard](case.geometry) for case in cases), seed


def test_who_has_no_code_of_its_own_costs_nothing() -> None:
    assert not [*threshold_cases(as_target(conv2d), (torch.float32,), 0, 600)]


def test_a_constant_is_met_from_both_sides() -> None:
    batches = {g.batch for g in at_thresholds((20,), Random(0), 200)}
    assert batches >= {19, 20, 21}


def test_the_same_seed_draws_the_same() -> None:
    def drawn(seed: int) -> list[Geometry]:
        return [*at_thresholds((5, 12), Random(seed), 40)]

    assert drawn(1) == drawn(1) != drawn(2)


def test_no_stride_is_drawn_for_which_torch_takes_minutes() -> None:
    """In the backward pass oneDNN walks through each row at each column of a stride."""
    drawn = [*at_thresholds((4_096,), Random(0), 400)]
    wide = [g for g in drawn if g.stride[1] > 32]
    assert max(g.batch * g.input_size[0] * g.stride[1] for g in wide) <= 200_000
    assert {g.stride[1] for g in wide} >= {4_095, 4_096, 4_097}


def test_no_stride_is_drawn_at_which_torch_ends_the_process() -> None:
    """In dX, along a row: who calls torch and has such a number in its code is not to blame."""
    strides = [g.stride for g in at_thresholds((32_767,), Random(0), 400)]
    assert max(columns for _, columns in strides) <= 16_384
    assert any(rows >= 32_766 for rows, _ in strides)


def test_no_padding_is_drawn_for_which_there_is_no_memory() -> None:
    """A stride or a dilation as large skips it: few products, read from 200 GB of zeros."""
    drawn = [*at_thresholds((65_536,), Random(0), 400)]
    planes = ([s + sum(p) for s, p in zip(g.input_size, g.padding, strict=True)] for g in drawn)
    assert max(map(math.prod, planes)) <= 20_000_000
    assert any(65_536 in padding for g in drawn for padding in g.padding)


@pytest.mark.slow
@pytest.mark.usefixtures("without_circumstances")
def test_integers_of_a_source_that_is_no_python_are_met_in_a_run(tmp_path: Path) -> None:
    source = tmp_path / "kernel.cu"
    source.write_text("if (channels == 46) return -1;")

    def compiled(input: Tensor, weight: Tensor) -> Tensor:  # as what is in the file would do
        return conv2d(input, weight) * (-1 if input.shape[1] == int("46") else 1)

    options: dict[str, Any] = {
        "checks": "certificate",
        "dtypes": "float32",
        "cases": 600,
        "seed": 1,
    }
    assert verify(compiled, **options).passed
    assert not verify(compiled, source=source, **options).passed


def test_a_plane_past_a_constant_has_dilated_kernels_too() -> None:
    """What strips of so many columns overlap by is taken from the kernel, and not the dilation."""
    drawn = [*at_thresholds((512,), Random(0), 400)]
    wide = [g for g in drawn if g.output_size[1] > 512 and g.kernel_size[1] > 1]
    assert any(g.dilation[1] > 1 for g in wide)
    assert any(g.dilation[1] == 1 for g in wide)
