"""A target whose answers change from call to call: one cause, one finding, whatever shows it."""

from __future__ import annotations

import random
import time
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import conv2d

from conv_reference.verification import Verdict, verify
from conv_reference.verification.diagnosis.bench import Bench
from conv_reference.verification.diagnosis.grouping.follows import explains
from conv_reference.verification.diagnosis.grouping.intermittent import (
    behind_changes,
    failing_in_turn,
)
from conv_reference.verification.execution import Settings
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.judgement import Failure, Judgement
from conv_reference.verification.report.groups import groups
from conv_reference.verification.target.conventions import as_target
from conv_reference.verification.work.here import Here

pytestmark = pytest.mark.usefixtures("without_circumstances")


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
    "implementation",
    [Stale(), *(pytest.param(each, marks=pytest.mark.slow) for each in (Remembers(), Fickle()))],
    ids=lambda one: type(one).__name__,
)
def test_what_is_wrong_now_and_then_is_one_finding(implementation: Any) -> None:
    checks = ["certificate", "additivity", "repetition"]
    report = verify(implementation, dtypes=["float32"], checks=checks, cases=40, seed=1)
    (group,) = groups(report.findings)

    assert (group.first.check, group.first.verdict) == ("forward", Verdict.WRONG)
    assert {*group.following} & {"additivity", "repetition"}  # chance has met one of them


class KeepsY:
    """Answers a call on the same tensors with the answer that it has given, graph and all."""

    def __init__(self) -> None:
        self.kept: dict[Any, Tensor] = {}

    def __call__(self, input: Tensor, weight: Tensor) -> Tensor:
        key = id(input), id(weight)
        if key not in self.kept:
            self.kept = {key: conv2d(input, weight)}  # the last alone
        return self.kept[key]


def test_what_a_kept_graph_makes_torch_raise_is_one_finding_with_the_kept_answer() -> None:
    checks = ["updated_arguments", "upstream_accumulated"]
    report = verify(KeepsY(), dtypes=["float32"], checks=checks, cases=40, seed=1)

    assert {f.verdict for f in report.findings} == {Verdict.WRONG, Verdict.RAISED}
    assert {(f.fault, f.follows) for f in report.findings} == {(1, False), (1, True)}


def test_what_a_tensor_kept_from_a_transform_makes_torch_raise_is_one_finding_with_it() -> None:
    checks = ["certificate", "vmap"]
    report = verify(Remembers(), dtypes=["float32"], checks=checks, cases=400, seed=3)

    assert Verdict.RAISED in {f.verdict for f in report.findings}
    assert {f.fault for f in report.findings} == {1}


class KeepsZeros:
    """What it adds is kept from the first call of these shapes; and Y is doubled for a stride."""

    def __init__(self) -> None:
        self.kept: dict[Any, Tensor] = {}

    def __call__(self, input: Tensor, weight: Tensor, stride: Any = 1) -> Tensor:
        Y = conv2d(input, weight, None, stride) * (2 if stride[0] == 2 else 1)
        kept = self.kept.setdefault((input.shape, weight.shape, input.dtype), 0 * Y.detach())
        return Y + kept if kept.shape == Y.shape else Y


@pytest.mark.slow
def test_a_transform_that_is_over_has_no_part_in_a_number_that_is_always_wrong() -> None:
    checks = ["certificate", "vmap"]
    report = verify(KeepsZeros(), dtypes=["float32"], checks=checks, cases=400, seed=3)

    found = {group.first.verdict: group for group in groups(report.findings)}
    assert found[Verdict.WRONG].first.actual == "2"
    assert "escaped" in found[Verdict.RAISED].first.actual


class BesideAnother(Fickle):
    """And whoever maps over X alone gets twice the answer, always."""

    def __call__(self, input: Tensor, weight: Tensor) -> Tensor:
        batched = torch._C._functorch.is_batchedtensor
        return super().__call__(input, weight) * (2 if batched(input) > batched(weight) else 1)


def test_what_comes_and_goes_is_said_to_hide_other_faults() -> None:
    checks = ["certificate", "vmap"]
    report = verify(BesideAnother(), dtypes=["float32"], checks=checks, cases=40, seed=1)
    first = next(f for f in report.findings if f.check == "forward")
    assert first.circumstances.endswith(
        "It comes and goes; until it is mended, no other fault of vmap can be distinguished "
        "from it."
    )


def seldom(input: Tensor, weight: Tensor) -> Tensor:
    """Wrong where the first number of X is of one kind in eleven: most draws do not show it."""
    return conv2d(input, weight) + (int(input.flatten()[0]) % 11 == 3)


def test_a_certificate_is_asked_over_other_numbers_a_few_times() -> None:
    """Once may show nothing of what few numbers show, also where nothing comes and goes."""
    target = as_target(seldom)
    case = Case.parse("certificate float32 h2 w3 k1x2 nobias grad=XK")
    law = Failure(replace(case, check="additivity"), Judgement("additivity", "Y", Verdict.WRONG))

    def found(seed: int, rounds: int) -> tuple[tuple[Case, Judgement], ...]:
        asked = tuple(filter(bench(seed).may_ask, bench(seed).certificates_of(law)))
        return failing_in_turn(target, asked, (Settings(seed, "cpu"), rounds))

    def bench(seed: int) -> Bench:
        settings = Settings(seed, "cpu")
        return Bench(target, Here(target), settings, (), (), time.monotonic() + 1e6)

    seed = next(seed for seed in range(200) if not found(seed, 1) and found(seed, 4))
    first = [Failure(*pair) for pair in found(seed, 4)]
    assert behind_changes([law], first, [], explains, bench(seed)).keys() == {law}


def test_what_few_numbers_show_is_one_finding() -> None:
    def rectified(input: Tensor, weight: Tensor) -> Tensor:
        return conv2d(input, weight).relu()

    checks = ["certificate", "open_graphs", "fresh_values", "double_backward"]
    report = verify(rectified, dtypes=["float64"], checks=checks, cases=40, seed=5)
    assert {f.fault for f in report.findings if not f.follows} == {1}
    assert not [f for f in report.findings if "comes and goes" in f.explanation]
