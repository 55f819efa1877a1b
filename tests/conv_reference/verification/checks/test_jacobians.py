from __future__ import annotations

from typing import Any

import pytest
import torch
from convolved import CONVOLVED
from modes import (
    ForgetsCrossTerm,
    ForgetsWeightTangent,
    GradientTakenForConstant,
    Once,
    Right,
    ask,
    dtypes_of,
    verdicts,
    wrong,
)
from torch import Tensor
from torch.nn.functional import conv2d

from conv_reference import functional, layer
from conv_reference.verification.checks import all_checks
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.plan.plan import plan
from conv_reference.verification.plan.request import Request
from conv_reference.verification.target.conventions import as_target

CHECKS = ("jacrev", "jacfwd", "hessian_vector", "hessian_vector_forward")
SIZES = "n1 c2 h3 w4 o2 k2 g2"
RIGHT = [torch.nn.functional.conv2d, torch.nn.Conv2d, functional.conv2d, layer.ConvLayer_1]


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("implementation", RIGHT, ids=lambda i: i.__name__)
def test_what_is_right_is_exact(check: str, implementation: Any) -> None:
    for dtype in dtypes_of(implementation):
        assert verdicts(ask(implementation, check, dtype, SIZES)) == {Verdict.EXACT}


@pytest.mark.parametrize(
    "letters", ["X=expanded", "K=expanded", "X=expanded K=expanded G=expanded"]
)
@pytest.mark.parametrize("check", CHECKS)
def test_an_expanded_operand_is_no_fault_and_no_refusal(check: str, letters: str) -> None:
    judgements = ask(conv2d, check, "float64", f"n2 c2 h3 w4 o2 k2 {letters}")
    assert verdicts(judgements) == {Verdict.EXACT}


@pytest.mark.parametrize("check", CHECKS)
def test_a_function_with_every_rule_is_exact(check: str) -> None:
    assert verdicts(ask(Right, check, "float32", "c2 h3 w4 o2 k2")) == {Verdict.EXACT}


def test_a_jvp_rule_without_its_second_term_is_wrong_in_the_kernel() -> None:
    assert wrong(ask(ForgetsWeightTangent, "jacfwd")) == {"∂Y/∂K"}
    assert wrong(ask(ForgetsWeightTangent, "jacrev")) == set()


def test_a_cross_term_that_is_lost_is_wrong_in_the_hessian() -> None:
    lost = wrong(ask(ForgetsCrossTerm, "hessian_vector_forward"))
    assert lost <= {"Hessian-vector product in X", "Hessian-vector product in K"}
    assert wrong(ask(ForgetsCrossTerm, "hessian_vector")) == {"Hessian-vector product in K"}


def test_the_upstream_gradient_is_a_constant_in_the_hessian() -> None:
    assert wrong(ask(GradientTakenForConstant, "hessian_vector")) == set()


def test_what_is_differentiable_once_is_unsupported() -> None:
    assert verdicts(ask(Once, "hessian_vector")) == {Verdict.UNSUPPORTED}


def test_a_jacobian_too_large_is_said_not_to_be_judged() -> None:
    (judgement,) = ask(torch.nn.functional.conv2d, "jacrev", "float64", "c8 h8 w8 k1")
    assert judgement.verdict == Verdict.UNSUPPORTED
    assert judgement.explanation == "the Jacobian of these sizes: it is too large"


@pytest.mark.parametrize("check", ["jacrev", "jacfwd"])
def test_sizes_are_drawn_until_they_are_small_enough(check: str) -> None:
    target = as_target(torch.nn.functional.conv2d)
    for seed in range(5):
        dtypes = tuple(CONVOLVED.values())  # with room for more than a few sizes
        cases = plan(target, Request(dtypes, seed=seed, budget=20.0, checks=(check,))).cases
        assert len(cases) == 3 * len(CONVOLVED)
        assert all(all_checks()[check].fits(case.geometry) for case in cases)


def lacks_a_column(input: Tensor, weight: Tensor) -> Tensor:
    return conv2d(input, weight)[..., :-1]


def answers_nothing(input: Tensor, weight: Tensor) -> None:
    """As who forgets to return Y."""


@pytest.mark.parametrize("check", ["hessian_vector", "hessian_vector_forward"])
@pytest.mark.parametrize("implementation", [lacks_a_column, answers_nothing])
def test_a_y_of_another_shape_has_no_hessian_and_is_wrong(check: str, implementation: Any) -> None:
    (judgement,) = ask(implementation, check)
    assert (judgement.verdict, judgement.quantity) == (Verdict.WRONG, "Y")
    assert judgement.explanation.startswith("should be ")
    assert judgement.of_another_kind == (implementation is lacks_a_column)
