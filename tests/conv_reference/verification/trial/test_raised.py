from __future__ import annotations

from typing import Any

import pytest
import torch
from judging import judged
from torch import Tensor, nn
from torch.nn.functional import conv2d

from conv_reference.verification.execution import Settings, judge_case
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.target.conventions import as_target
from conv_reference.verification.trial.raised import judged_raised
from conv_reference.verification.trial.trial import TargetRaised

CASE = "certificate float32 h2 w3 k1x2 nobias"


class ForgetsTheGraph(torch.autograd.Function):
    """Differentiates in its backward pass, where torch records nothing."""

    @staticmethod
    def forward(ctx: Any, input: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(input, weight)
        return conv2d(input, weight)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Any:
        leaves = [tensor.detach().requires_grad_() for tensor in ctx.saved_tensors]
        return torch.autograd.grad(conv2d(*leaves), leaves, grad_outputs)


def test_a_backward_pass_that_forgot_its_graph_is_no_missing_mode() -> None:
    raised = [j for j in judged(ForgetsTheGraph, CASE) if not j.is_exact]

    assert [(j.quantity, j.verdict) for j in raised] == [("dX", Verdict.RAISED)]
    assert "does not require grad" in raised[0].explanation


class OneGroup(nn.Module):
    """Its kernel has the channels of one group, whatever their number."""

    def __init__(self, c_in: int, c_out: int, kernel_size: int, groups: int = 1) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(c_out, c_in, kernel_size, kernel_size))
        self.groups = groups

    def forward(self, x: Tensor) -> Tensor:
        return conv2d(x, self.weight, groups=self.groups)


def test_what_cannot_be_called_for_its_kernel_has_thrown_nothing() -> None:
    (raised,) = judged(OneGroup, "certificate float32 c2 h2 w2 o2 k1x1 g2 nobias")
    assert raised.verdict == Verdict.RAISED
    assert raised.explanation == (
        "cannot be called: its kernel has the shape (2, 2, 1, 1), not (2, 1, 1, 1)"
    )
    assert raised.actual == raised.explanation.removeprefix("cannot be called: ")


@pytest.mark.parametrize(
    ("error", "verdict", "strict", "hint"),
    [
        (ValueError("only groups=1 is supported"), Verdict.UNSUPPORTED, Verdict.RAISED, True),
        (TypeError("bfloat16 is unsupported here"), Verdict.UNSUPPORTED, Verdict.RAISED, True),
        (ValueError("negative dimensions"), Verdict.RAISED, Verdict.RAISED, False),
        (
            TypeError("Got unsupported ScalarType BFloat16"),
            Verdict.UNSUPPORTED,
            Verdict.UNSUPPORTED,
            False,
        ),
        (
            NotImplementedError("only groups=1 is supported"),
            Verdict.UNSUPPORTED,
            Verdict.RAISED,
            True,
        ),
    ],
    ids=repr,
)
def test_where_no_refusal_is_let_pass_it_is_said_what_lets_it(
    error: Exception, verdict: Verdict, strict: Verdict, hint: bool
) -> None:
    def convolve(input: Tensor, weight: Tensor) -> Tensor:
        torch.relu(input)  # what is raised on purpose before anything is computed is a refusal
        raise error

    said = "; without --strict that is a refusal"
    (found,) = judged(convolve, CASE)
    assert (found.verdict, said in found.explanation) == (verdict, False)

    settings = Settings(seed=1, device="cpu", strict=True)
    (found,) = judge_case(as_target(convolve), Case.parse(CASE), settings)
    assert found.verdict == strict
    assert (said in found.explanation) == hint


def test_who_is_refused_by_torch_is_not_told_how_to_refuse() -> None:
    def written(input: Tensor, weight: Tensor) -> Tensor:
        weight.detach().mul_(2)
        return conv2d(input, weight)

    (found,) = judged(written, f"{CASE} K=expanded")
    assert "unsupported operation: more than one element" in found.explanation
    assert "refusal" not in found.explanation


def test_a_gradient_that_nobody_asked_for_is_explained() -> None:
    said = "function F returned a gradient different than None at position 3, but the corresponding"
    trial = Settings(seed=1, device="cpu").trial(as_target(conv2d), Case.parse(CASE))
    raised = TargetRaised(RuntimeError(said), "dX")
    found = judged_raised("grad_input", raised, trial).explanation
    assert found.endswith(
        "; argument 3 of forward asks for no gradient there, as a bias that is None: "
        "backward is to return None for it"
    )
