# Functions of torch.autograd are untyped.
# mypy: disable-error-code="no-untyped-call, no-any-return, override"

from __future__ import annotations

from typing import Any

import pytest
import torch
from judging import failures
from modes import DetachesTangent, ForgetsWeightTangent, Right, ask, dtypes_of, verdicts, wrong
from torch import Tensor

from conv_reference import functional, layer
from conv_reference.verification.model.result import Verdict

CHECKS = ("jvp", "dual_numbers", "forward_over_reverse", "reverse_over_forward")
RIGHT = [
    torch.nn.functional.conv2d,
    torch.nn.Conv2d,
    functional.conv2d,
    layer.ConvLayer_1,
    Right,
]


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("implementation", RIGHT, ids=lambda i: i.__name__)
def test_what_is_right_is_exact(check: str, implementation: Any) -> None:
    for dtype in dtypes_of(implementation):
        assert verdicts(ask(implementation, check, dtype)) == {Verdict.EXACT}


@pytest.mark.parametrize("check", CHECKS)
def test_an_expanded_operand_is_no_fault(check: str) -> None:
    geometry = "n2 c2 h4 w5 o2 k3x2 X=expanded K=expanded G=expanded"
    judgements = ask(torch.nn.functional.conv2d, check, "float64", geometry)
    assert verdicts(judgements) == {Verdict.EXACT}


@pytest.mark.parametrize("check", ["jvp", "dual_numbers"])
def test_a_forgotten_term_is_wrong_wherever_the_kernel_moves(check: str) -> None:
    assert wrong(ask(ForgetsWeightTangent, check)) == {
        "tangent of Y along X, K",
        "tangent of Y along K",
    }


def test_a_tangent_that_cannot_be_differentiated_is_wrong() -> None:
    assert verdicts(ask(DetachesTangent, "jvp")) == {Verdict.EXACT}
    assert wrong(ask(DetachesTangent, "reverse_over_forward")) == {"gradient of the tangent in K"}


class _WithoutRule(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, input: Tensor, weight: Tensor) -> Tensor:
        return torch.nn.functional.conv2d(input, weight)

    @staticmethod
    def backward(ctx: Any, G: Tensor) -> Any:
        raise AssertionError


def _constant_to_torch(input: Tensor, weight: Tensor) -> Tensor:
    """As a kernel outside torch is: its answer depends on nothing."""
    return torch.nn.functional.conv2d(input.detach(), weight.detach())


@pytest.mark.parametrize("check", CHECKS)
def test_a_function_without_a_rule_is_unsupported(check: str) -> None:
    assert verdicts(ask(_WithoutRule, check)) == {Verdict.UNSUPPORTED}


class _Known(torch.autograd.Function):
    """Right both ways, without a rule for jvp."""

    generate_vmap_rule = True

    @staticmethod
    def forward(Y: Tensor) -> Tensor:
        return Y.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, G: Tensor) -> Tensor:
        return G


def _through_integers(input: Tensor, weight: Tensor) -> Tensor:
    """As who cuts bits off: where nothing records a backward pass torch sees a constant."""
    Y = torch.nn.functional.conv2d(input, weight)
    return _Known.apply(Y) if Y.requires_grad else Y.view(torch.int64).view(Y.dtype)


@pytest.mark.parametrize("check", ["jvp", "dual_numbers", "reverse_over_forward"])
def test_a_tangent_that_torch_drops_is_no_forgotten_term(check: str) -> None:
    assert verdicts(ask(_through_integers, check)) == {Verdict.UNSUPPORTED}


@pytest.mark.parametrize("check", ["dual_numbers"])
def test_no_tangent_at_all_is_unsupported(check: str) -> None:
    (judgement,) = ask(_constant_to_torch, check)
    assert judgement.verdict == Verdict.UNSUPPORTED
    assert judgement.explanation.startswith("Y carries no tangent: no rule for jvp: torch takes")
    assert judgement.actual.startswith("no rule for jvp: ")


def test_a_tangent_that_is_lost_where_the_kernel_is_a_parameter_is_found() -> None:
    def plain_input(input: Tensor, weight: Tensor) -> Tensor:
        if weight.requires_grad and not input.requires_grad:
            input = input.data
        return torch.nn.functional.conv2d(input, weight)

    found = failures(plain_input, "dual_numbers float32 n1 c2 h4 w5 o3 k3x2 nobias")
    assert set(found) == {("dual_numbers", "tangent of Y along X")}
