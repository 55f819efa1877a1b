from __future__ import annotations

from typing import Any

import pytest
import torch
from modes import (
    Clamped,
    Clipped,
    ClippedInHalf,
    LosesABitInHalf,
    Overwrites,
    ReadsAsContiguous,
    Right,
    RoundsLarge,
    StaleWhereUndefined,
    ask,
    dtypes_of,
    verdicts,
    wrong,
)

from conv_reference import functional, layer
from conv_reference.verification.model.case import Layout
from conv_reference.verification.model.result import Verdict

CHECKS = (
    "upstream_signs",
    "upstream_layouts",
    "upstream_accumulated",
    "upstream_linear",
    "upstream_undefined",
)
RIGHT = [torch.nn.functional.conv2d, torch.nn.Conv2d, functional.conv2d, layer.ConvLayer_1]


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("implementation", RIGHT, ids=lambda i: i.__name__)
def test_what_is_right_is_exact(check: str, implementation: Any) -> None:
    for dtype in dtypes_of(implementation):
        assert verdicts(ask(implementation, check, dtype)) == {Verdict.EXACT}


@pytest.mark.parametrize(
    ("broken", "check", "quantity", "said"),
    [
        (Clamped, "upstream_signs", "dX", "with G all negative"),
        (Clamped, "upstream_linear", "dX", "of G + H it should be the sum of the parts"),
        (ReadsAsContiguous, "upstream_layouts", "dX", "with G transposed"),
        (Overwrites, "upstream_accumulated", "dK", "with then"),
        (Clipped, "upstream_linear", "dX", "of 16 · G"),
    ],
)
def test_a_broken_backward_pass_is_wrong(broken: Any, check: str, quantity: str, said: str) -> None:
    judgements = ask(broken, check)
    assert quantity in wrong(judgements)
    assert any(said in judgement.explanation for judgement in judgements)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (ClippedInHalf, "of 16 · G it should be 16 times as much"),
        (LosesABitInHalf, "of G + H it should be the sum of the parts"),
    ],
)
def test_a_law_that_is_broken_in_half_precision_alone_is_told(
    broken: Any, said: str, dtype: str
) -> None:
    geometry = "c2 h2 w3 o2 k1x2"  # small, so that there is room for integers larger than 1
    judgements = ask(broken, "upstream_linear", dtype, geometry)
    assert wrong(judgements) == {"dX", "dK"}
    assert any(said in judgement.explanation for judgement in judgements)
    assert verdicts(ask(broken, "upstream_linear", "float32", geometry)) == {Verdict.EXACT}


def test_rounding_in_half_precision_breaks_no_law() -> None:
    """By less than a unit of roundoff of the sum of absolute products."""
    found = ask(RoundsLarge, "upstream_linear", "float16", "h4 w4 o4 k2")
    assert verdicts(found) == {Verdict.EXACT, Verdict.ROUNDED}


def test_an_answer_to_no_gradient_is_wrong() -> None:
    assert wrong(ask(StaleWhereUndefined, "upstream_undefined")) == {"dX", "dK"}


def test_a_positive_gradient_alone_shows_no_clamp() -> None:
    said = [j.explanation for j in ask(Clamped, "upstream_signs") if j.verdict == Verdict.WRONG]
    assert said
    assert not any("all positive" in text or "zero" in text for text in said)


def test_a_dtype_without_room_is_passed_over() -> None:
    geometry = "n4 c1 h20 w20 o1 k1x1"
    assert ask(torch.nn.functional.conv2d, "upstream_signs", "bfloat16", geometry) == ()


class _AddsIntoGrad(Right):
    """Adds dK to what the kernel's .grad holds, by itself, as fused accumulations do."""

    @staticmethod
    def backward(ctx: Any, G: torch.Tensor) -> Any:
        dX, dK, *others = Right.backward(ctx, G)
        K = ctx.saved_tensors[1]
        if K.is_leaf and K.grad is not None:
            K.grad += dK
            dK = torch.zeros_like(dK)
        return dX, dK, *others


def test_grad_that_holds_some_is_left_alone_by_a_pass_that_is_not_into_it() -> None:
    found = [j for j in ask(_AddsIntoGrad, "upstream_accumulated") if j.verdict == Verdict.WRONG]
    assert {j.quantity for j in found} == {"dK"}
    said = "by torch.autograd.grad, where .grad holds some"
    assert [j.explanation.startswith(f"{said}: ") for j in found] == [True, True]
    assert [f"{said}: what .grad holds afterwards: " in j.explanation for j in found] == [
        False,
        True,
    ]


class _DoubledWhereExpanded(Right):
    """Adds an expanded G up twice."""

    @staticmethod
    def backward(ctx: Any, G: torch.Tensor) -> Any:
        return Right.backward(ctx, 2 * G if 0 in G.stride() else G)


@pytest.mark.parametrize("check", ["upstream_layouts", "upstream_accumulated"])
def test_what_an_expanded_gradient_shows_is_on_the_case_of_one(check: str) -> None:
    """Its certificate shows the same, under which it is filed."""
    judged = [j for j in ask(_DoubledWhereExpanded, check) if not j.is_exact]
    layouts = {None if j.case is None else j.case.grad_output_layout for j in judged}
    assert layouts == {Layout.EXPANDED}
