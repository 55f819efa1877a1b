"""Integers are found wherever a target's own Python holds them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d

from conv_reference.verification.faults.collection import FAULTS
from conv_reference.verification.target.constants import constants_of
from conv_reference.verification.target.conventions import as_target

TABLE = (71, 73)


def _helper(X: Tensor) -> bool:
    return X.shape[0] > 61


def in_its_code(X: Tensor, K: Tensor) -> Tensor:
    return conv2d(X, K) if X.shape[1] % 17 else -conv2d(X, K)


def in_a_helper(X: Tensor, K: Tensor) -> Tensor:
    return conv2d(X, K) if _helper(X) else -conv2d(X, K)


def in_a_table(X: Tensor, K: Tensor) -> Tensor:
    return conv2d(X, K) if X.shape[0] in TABLE else -conv2d(X, K)


def in_an_inner_function(X: Tensor, K: Tensor) -> Tensor:
    return torch.stack([conv2d(X, K) for _ in filter(lambda size: size > 83, X.shape)])


def closing_over(limit: int) -> Callable[[Tensor, Tensor], Tensor]:
    def function(X: Tensor, K: Tensor) -> Tensor:
        return conv2d(X, K) if X.shape[0] > limit else -conv2d(X, K)

    return function


class Layer(nn.Conv2d):
    limit = 41

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input) if input.shape[0] > 43 else -super().forward(input)


class Function(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, X: Tensor, K: Tensor) -> Tensor:
        return conv2d(X, K)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Any:
        return (None, None) if grad_outputs[0].shape[0] > 47 else None


@pytest.mark.parametrize(
    ("implementation", "held"),
    [
        (in_its_code, {17}),
        (in_a_helper, {61}),
        (in_a_table, {71, 73}),
        (in_an_inner_function, {83}),
        (closing_over(31), {31}),
        (partial(closing_over(33), torch.ones(1, 1, 2, 2)), {33}),
        (Layer, {41, 43}),
        (Layer(1, 1, 2), {41, 43}),
        (Function, {47}),
        (FAULTS["eleven_channels"].function, {11}),  # in a function that a dataclass holds
    ],
)
def test_constants_are_found(implementation: Any, held: set[int]) -> None:
    assert held <= {*constants_of(implementation)}


@pytest.mark.parametrize("implementation", [conv2d, nn.Conv2d, nn.Conv2d(1, 1, 2), torch.conv2d])
def test_torchs_own_are_not_looked_for(implementation: Any) -> None:
    assert constants_of(implementation) == ()


def test_they_travel_with_a_targets_description() -> None:
    assert as_target(in_its_code).described().constants == (17,)
