"""A function that calls its parameters by other names is asked what one by torch's names is."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import conv2d

from conv_reference.verification import Verdict, verify
from conv_reference.verification.target.loading import target_of


def renamed(x: Tensor, w: Tensor, b: Tensor | None = None, s: Any = 1, p: Any = 0) -> Tensor:
    return conv2d(x, w, b, s, p)


def without_defaults(x: Tensor, w: Tensor, b: Tensor | None, s: Any, p: Any) -> Tensor:
    return conv2d(x, w, b, s, p)


def first_for_both(x: Tensor, w: Tensor, b: Tensor | None = None, strides: Any = 1) -> Tensor:
    """Wrong where its stride is one integer: that is taken for the rows alone."""
    return conv2d(x, w, b, strides if isinstance(strides, tuple) else (strides, 1))


def channels_last(x: Tensor, w: Tensor, b: Tensor | None = None, strides: Any = 1) -> Tensor:
    return conv2d(x.movedim(-1, 1), w, b, strides).movedim(1, -1)


@pytest.mark.parametrize("function", [renamed, without_defaults])
def test_what_is_renamed_alone_is_given_its_options_as_they_are_written(function: Any) -> None:
    target = target_of(function, "mine:conv")
    assert target.called_as == ("b for bias", "s for stride", "p for padding")
    assert not target.has_glue
    X, K = torch.randn(1, 2, 6, 7), torch.randn(3, 2, 2, 3)
    assert target.call_with is not None
    for options in ({}, {"stride": 2}, {"stride": [2, 1], "padding": "valid"}):
        assert torch.equal(target.call_with(X, K, None, **options), conv2d(X, K, None, **options))
    checks = ["integers_for_pairs", "padding_words", "refusals", "unbatched"]
    report = verify(function, checks=checks, dtypes=["float64"], cases=20, seed=1)
    assert report
    assert not any(check.not_asked for check in report.checks)


def test_an_integer_that_means_one_axis_alone_is_found_under_another_name() -> None:
    report = verify(
        first_for_both, checks=["integers_for_pairs"], dtypes=["float64"], cases=20, seed=1
    )
    assert [check.verdict for check in report.checks] == [Verdict.WRONG]


def test_what_is_more_than_renamed_is_not_asked_for_the_form_of_its_options() -> None:
    target = target_of(channels_last, "mine:conv")
    assert target.has_glue
    assert target.call_with is None
