"""A layer that has a bias whatever is asked for is never asked for an answer without one."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d

from conv_reference.verification import verify
from conv_reference.verification.checks import Sample, all_checks, certifying
from conv_reference.verification.execution import Settings, judge_case
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.result import FAILURES, Verdict
from conv_reference.verification.plan.plan import plan
from conv_reference.verification.plan.request import Request
from conv_reference.verification.target.conventions import as_target
from conv_reference.verification.target.target import Call, Target

pytestmark = pytest.mark.usefixtures("without_circumstances")

SETTINGS = Settings(seed=3, device="cpu")
DTYPES = (torch.float64, torch.float16)
OTHER = torch.float32  # of checks that apply to neither
MOST = {certifying().name: 40}  # cases of a check in each dtype, the smallest; of others, one


# `large` calls the target as the certificate does, for seconds.
CHECKS = [
    name
    for name, check in all_checks().items()
    if check.sample != Sample.REQUEST and name != "large"
]


class Biased(nn.Module):
    """As users write it, with no way to leave the bias out."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1
    ) -> None:
        super().__init__()
        self.stride = stride
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, *kernel_size))
        self.bias = nn.Parameter(torch.randn(out_channels))

    def forward(self, input: Tensor) -> Tensor:
        # Copies: oneDNN crashes on some other layouts (docs/found).
        return conv2d(input.contiguous(), self.weight.contiguous(), self.bias, self.stride)


class Flipped(Biased):
    def forward(self, input: Tensor) -> Tensor:
        return conv2d(input.contiguous(), self.weight.flip(2, 3), self.bias, self.stride)


class Plane(nn.Module):
    """Over (N, H, W), like the chapter's."""

    def __init__(self, kernel_size: tuple[int, int]) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.randn(kernel_size))
        self.offset = nn.Parameter(torch.randn(1))

    def forward(self, input: Tensor) -> Tensor:
        K = self.kernel[None, None].contiguous()
        return conv2d(input[:, None].contiguous(), K, self.offset)[:, 0]


LAYERS: dict[str, Any] = {
    "class": Biased,
    "instance": Biased(2, 3, (2, 3), stride=(2, 1)),
    "plane": Plane((2, 3)),
}


def watched(layer: Any, name: str) -> Target:
    """The target; what asks it for an answer without a bias fails, in whatever way it asks."""
    target = as_target(layer, name=name)

    def prepare(case: Case, operands: Any) -> Call:
        assert case.bias, case
        call = target.prepare(case, operands)

        def function(X: Tensor, K: Tensor, b: Tensor | None) -> Any:
            asked_without.update({case.check: b is None})
            return call.function(X, K, b)

        return replace(call, function=function)

    def call_with(X: Tensor, K: Tensor, b: Tensor | None, **options: Any) -> Any:
        asked_without.update({"options": b is None})
        assert target.call_with is not None
        return target.call_with(X, K, b, **options)

    return replace(
        target, prepare=prepare, call_with=None if target.call_with is None else call_with
    )


asked_without: Counter[str] = Counter()


@cache
def cases_of(name: str) -> tuple[Case, ...]:
    target = as_target(LAYERS[name], name=name)
    cases = plan(target, Request(dtypes=(*DTYPES, OTHER), seed=3, budget=4.0)).cases
    return tuple(sorted(cases, key=lambda case: math.prod(case.geometry.input_shape)))


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("check", CHECKS)
def test_no_check_asks_it_for_an_answer_without_bias(name: str, check: str) -> None:
    target = watched(LAYERS[name], name)
    asks = all_checks()[check]
    if not asks.concerns(target) or asks.unsupported(target) is not None:
        return
    asked_without.clear()
    tried = 0
    for dtype in tuple(filter(asks.applies, DTYPES)) or (OTHER,):
        chosen = [case for case in cases_of(name) if case.check == check and case.dtype == dtype]
        for case in chosen[: MOST.get(check, 1)]:
            judged = judge_case(target, case, SETTINGS)
            assert [str(case) for j in judged if j.verdict in FAILURES] == []
            tried += 1
    assert tried
    assert asked_without.total() == 0


def test_a_finding_is_made_smaller_without_asking_for_no_bias() -> None:
    asked_without.clear()
    target = watched(Flipped(1, 1, (1, 2)), "flipped")
    case = "certificate float32 n1 c1 h2 w4 o1 k1x2"
    report = verify(target, seed=3, case=case)

    assert report.verdict == Verdict.WRONG
    assert {finding.quantity for finding in report.findings} == {"Y", "dX", "dK"}
    assert not any("nobias" in finding.case for finding in report.findings)
    assert any("flipped" in finding.cause for finding in report.findings)
    assert asked_without.total() == 0


class Casts(Biased):
    """Right for operands of two dtypes as well."""

    def forward(self, input: Tensor) -> Tensor:
        K, b = (t.to(input.dtype).contiguous() for t in (self.weight, self.bias))
        return conv2d(input.contiguous(), K, b, self.stride)


def test_a_kernel_of_another_dtype_is_asked_for_with_its_bias() -> None:
    """Without one the layer would answer with what its own was drawn as."""
    target = as_target(Casts)
    case = target.restrict(Case.parse("refusals float32 h4 w4 k2"))
    judged = judge_case(target, case, SETTINGS)
    assert not [judgement.explanation for judgement in judged if judgement.verdict in FAILURES]
    assert any("a kernel of another dtype is taken, rightly" in j.observed for j in judged)
