"""A target whose answers change from call to call: one cause, one finding, whatever shows it."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import conv2d

from conv_reference.verification import Verdict, verify
from conv_reference.verification.report.groups import groups


class Stale:
    """Keeps the kernel that it first saw of each size, as a runtime that packs it once."""

    def __init__(self) -> None:
        self.kept: dict[Any, Tensor] = {}

    def __call__(self, input: Tensor, weight: Tensor) -> Tensor:
        key = input.shape, weight.shape, input.dtype
        kept = self.kept.setdefault(key, weight.detach().clone())
        return conv2d(input, weight + (kept - weight).detach())


class Remembers:
    """Answers a later call of the same shapes as it answered the first."""

    def __init__(self) -> None:
        self.kept: dict[Any, Tensor] = {}

    def __call__(self, input: Tensor, weight: Tensor) -> Tensor:
        Y = conv2d(input, weight)
        kept = self.kept.setdefault((input.shape, weight.shape, input.dtype), Y.detach().clone())
        return Y + (kept - Y).detach()


class Fickle:
    """Wrong by 1 in every third call, at random."""

    def __init__(self) -> None:
        self.random = random.Random(0)

    def __call__(self, input: Tensor, weight: Tensor) -> Tensor:
        return conv2d(input, weight) + (self.random.random() < 1 / 3)


@pytest.mark.parametrize(
    "implementation", [Stale(), Remembers(), Fickle()], ids=lambda one: type(one).__name__
)
def test_what_is_wrong_now_and_then_is_one_finding(implementation: Any) -> None:
    checks = ["certificate", "additivity", "repetition"]
    report = verify(implementation, dtypes=["float32"], checks=checks, cases=40, seed=1)
    (group,) = groups(report.findings)

    assert (group.first.check, group.first.verdict) == ("forward", Verdict.WRONG)
    assert {*group.following} & {"additivity", "repetition"}  # chance has met one of them


class BesideAnother(Fickle):
    """And whoever maps over X alone gets twice the answer, always."""

    def __call__(self, input: Tensor, weight: Tensor) -> Tensor:
        batched = torch._C._functorch.is_batchedtensor
        return super().__call__(input, weight) * (2 if batched(input) > batched(weight) else 1)


def test_what_comes_and_goes_is_said_to_hide_other_faults() -> None:
    checks = ["certificate", "vmap"]
    report = verify(BesideAnother(), dtypes=["float32"], checks=checks, cases=40, seed=1)
    first = next(f for f in report.findings if f.check == "forward")
    assert first.explanation.endswith(
        "\nIt comes and goes; until it is mended, no other fault of vmap can be distinguished "
        "from it."
    )


def test_what_few_numbers_show_is_one_finding() -> None:
    def rectified(input: Tensor, weight: Tensor) -> Tensor:
        return conv2d(input, weight).relu()

    checks = ["certificate", "open_graphs", "fresh_values", "double_backward"]
    report = verify(rectified, dtypes=["float64"], checks=checks, cases=40, seed=5)
    assert {f.fault for f in report.findings if not f.follows} == {1}
    assert not [f for f in report.findings if "comes and goes" in f.explanation]
