from __future__ import annotations

import math

import pytest
import torch
from convolved import CONVOLVED

from conv_reference.verification.model.case import DTYPES
from conv_reference.verification.trial.same_numbers import same_numbers


@pytest.mark.parametrize("dtype", CONVOLVED.values(), ids=CONVOLVED)
def test_the_same_numbers_are_equal_whatever_their_strides(dtype: torch.dtype) -> None:
    values = torch.arange(24).reshape(1, 2, 3, 4).to(dtype)
    last = values.contiguous(memory_format=torch.channels_last)
    assert same_numbers(values, last)
    assert same_numbers(values[:, :, ::2], last[:, :, ::2])
    other = values.clone()
    other[0, 1, 2, 3] += 1
    assert not same_numbers(values, other)
    assert not same_numbers(values, values[:, :1])


def test_a_nan_equals_nothing_and_zeros_of_either_sign_are_equal() -> None:
    nan, zero = torch.tensor([math.nan]), torch.tensor([0.0])
    assert not same_numbers(nan, nan)
    assert same_numbers(zero, -zero)


def test_torchs_own_comparison_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "equal", lambda *_: True)
    monkeypatch.setattr(torch.Tensor, "__eq__", lambda *_: True)
    assert not same_numbers(torch.zeros(2), torch.ones(2))


def test_numbers_of_two_dtypes_are_compared_as_numbers() -> None:
    wide = torch.tensor([0.1], dtype=torch.float64)
    assert not same_numbers(wide.float(), wide)
    assert same_numbers(wide.float(), wide.float().double())
    assert same_numbers(wide.bfloat16(), wide.bfloat16().double())


@pytest.mark.parametrize("dtype", CONVOLVED.values(), ids=CONVOLVED)
def test_a_sign_that_only_a_view_holds_counts(dtype: torch.dtype) -> None:
    values = torch.ones(2, dtype=dtype)
    assert same_numbers(torch._neg_view(values), -values)
    assert not same_numbers(torch._neg_view(values), values)


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)
def test_zeros_that_torch_keeps_nowhere_are_zeros(dtype: torch.dtype) -> None:
    nowhere = torch._efficientzerotensor((2,), dtype=dtype)
    assert same_numbers(nowhere, torch.zeros(2, dtype=dtype))
    assert not same_numbers(nowhere, torch.ones(2, dtype=dtype))
