"""Layouts that a target refuses on purpose are a refusal, told once, and not tried any further."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import conv2d
from torch.nn.grad import conv2d_input, conv2d_weight

from conv_reference.operands import Role
from conv_reference.verification import verify
from conv_reference.verification.execution import Settings
from conv_reference.verification.model.case import Case, Layout
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.running.learned_domain import Limits, learned
from conv_reference.verification.target.conventions import as_target
from conv_reference.verification.work.here import Here

pytestmark = pytest.mark.usefixtures("without_circumstances")


def contiguous(input: Tensor, weight: Tensor) -> Tensor:
    assert input.is_contiguous(), "array should be c contiguous array"
    return conv2d(input, weight)


def of_two_orders(input: Tensor, weight: Tensor) -> Tensor:
    last = torch.channels_last
    if not (weight.is_contiguous() or weight.is_contiguous(memory_format=last)):
        raise ValueError("dense kernels only")
    return conv2d(input, weight)


def without_an_offset(input: Tensor, weight: Tensor) -> Tensor:
    if input.storage_offset():
        raise NotImplementedError("no offsets")
    return conv2d(input, weight)


class Backward(torch.autograd.Function):
    """Its forward pass takes whatever comes."""

    @staticmethod
    def forward(ctx: Any, input: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(input, weight)
        return conv2d(input, weight)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Any:
        if not grad_output.is_contiguous():
            raise ValueError("dense gradients, please")
        input, weight = ctx.saved_tensors
        return (
            conv2d_input(input.shape, weight, grad_output),
            conv2d_weight(input, weight.shape, grad_output),
        )


def backward_alone(input: Tensor, weight: Tensor) -> Any:
    return Backward.apply(input, weight)  # type: ignore[no-untyped-call]  # torch's is untyped


class Late(Backward):
    """What it notices in the midst of its work may be a fault of that."""

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Any:
        halved = grad_output / 2
        if not grad_output.is_contiguous():
            raise ValueError("dense gradients, please")
        return Backward.backward(ctx, 2 * halved)


def backward_late(input: Tensor, weight: Tensor) -> Any:
    return Late.apply(input, weight)  # type: ignore[no-untyped-call]  # torch's is untyped


def limits_of(function: object) -> Limits:
    target = as_target(function)
    return learned(target, (torch.float32,), Here(target), Settings(seed=0, device="cpu"))


@pytest.mark.parametrize(
    ("function", "refused"),
    [
        (
            contiguous,
            "X not contiguous (AssertionError: array should be c contiguous array)",
        ),
        (
            of_two_orders,
            "K neither contiguous nor channels_last (ValueError: dense kernels only)",
        ),
        (
            without_an_offset,
            "X as offset, sliced, strided, last_chunk, channels_last_offset "
            "(NotImplementedError: no offsets)",
        ),
        (backward_alone, "G not contiguous (ValueError: dense gradients, please)"),
    ],
)
def test_what_layouts_are_refused_is_told_by_what_they_have_in_common(
    function: object, refused: str
) -> None:
    assert limits_of(function).refuses == (refused,)


def test_what_is_refused_is_not_asked_again() -> None:
    target = as_target(contiguous)
    put: list[Case] = []

    class Noting(Here):
        def run(self, function: Any, items: Any, *given: Any, **named: Any) -> Any:
            put.extend(items)
            return super().run(function, items, *given, **named)

    learned(target, (torch.float32,), Noting(target), Settings(seed=0, device="cpu"))
    laid_out: list[tuple[Role, Layout]] = [
        pair for case in put for pair in case.layouts.items() if pair[1] != Layout.CONTIGUOUS
    ]
    assert len(laid_out) == len({*laid_out}) + 1  # the first of X, again
    assert ("weight", Layout.SLICED) in laid_out
    assert ("weight", Layout.STRIDED) not in laid_out


def test_later_cases_are_contiguous_and_judged() -> None:
    report = verify(contiguous, dtypes="float32", checks="certificate", cases=120, known=None)
    assert report, str(report)
    assert not report.refused
    said = "refuses: X not contiguous (AssertionError: array should be c contiguous array)"
    assert said in str(report)
    strict = verify(
        contiguous, dtypes="float32", checks="certificate", cases=120, known=None, strict=True
    )
    assert not strict


def test_what_a_backward_pass_refuses_is_told_once_and_no_finding_of_any_check() -> None:
    checks = ["certificate", "upstream_layouts", "upstream_accumulated"]
    report = verify(backward_alone, dtypes="float32", checks=checks, cases=60, seed=0, known=None)
    assert report, str(report)
    assert "refuses: G not contiguous (ValueError: dense gradients, please)" in str(report)
    certificate = [c for c in report.checks if c.name in {"grad_input", "grad_weight"}]
    assert all(c.verdict is Verdict.EXACT for c in certificate)
    assert report.refused  # by the checks that hand an expanded G whatever the case says
    strict = verify(
        backward_alone, dtypes="float32", checks=checks, cases=60, seed=0, known=None, strict=True
    )
    assert not strict


def test_what_a_backward_pass_raises_in_the_midst_of_its_work_is_no_refusal() -> None:
    assert limits_of(backward_late).refuses == ()
    report = verify(
        backward_late, dtypes="float32", checks="certificate", cases=60, seed=0, known=None
    )
    assert report.verdict is Verdict.RAISED
