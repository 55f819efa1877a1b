from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from conv_reference.verification.target.signatures import default_of, keyword_options


def named_and_others(input: Tensor, weight: Tensor, bias: Any = None, *, stride: int, **rest: Any):  # type: ignore[no-untyped-def]  # never called
    raise AssertionError(rest)


class Same(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, input: Tensor, weight: Tensor, padding: str = "same") -> Tensor:
        raise AssertionError


def test_what_is_named_by_keyword_is_one_beside_what_any_keyword_can_be() -> None:
    assert keyword_options(named_and_others) == ["stride", "padding", "dilation", "groups"]
    assert keyword_options(named_and_others, ("bias", "stride")) == ["stride"]


def test_the_default_of_an_autograd_function_is_its_forwards() -> None:
    assert default_of(Same.apply, "padding") == "same"
    assert default_of(Same.apply, "stride") is None
