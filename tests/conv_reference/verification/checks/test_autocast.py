from __future__ import annotations

from typing import Any

import pytest
import torch
from judging import failures, judged
from modes import ask, verdicts, wrong
from torch import Tensor
from torch.nn.functional import conv2d, conv_transpose2d

from conv_reference import functional, layer
from conv_reference.verification.faults.sound import right
from conv_reference.verification.model.result import Verdict

SIZES = "float32 n2 c2 h5 w6 o3 k3x2"
RIGHT = [torch.nn.functional.conv2d, torch.nn.Conv2d, functional.conv2d, layer.ConvLayer_1]


@pytest.mark.parametrize("implementation", RIGHT, ids=lambda i: i.__name__)
def test_what_is_right_is_exact_over_small_integers(implementation: Any) -> None:
    judgements = ask(implementation, "autocast", "float32")
    assert verdicts(judgements) == {Verdict.EXACT}
    assert {judgement.quantity for judgement in judgements} >= {"Y", "dX", "dK"}


@pytest.mark.parametrize("implementation", RIGHT, ids=lambda i: i.__name__)
def test_what_is_right_is_right_to_eight_bits(implementation: Any) -> None:
    judgements = ask(implementation, "autocast_precision", "float32")
    assert verdicts(judgements) <= {Verdict.EXACT, Verdict.ROUNDED}
    assert {judgement.quantity for judgement in judgements} >= {"Y", "dX", "dK"}


def test_another_dtype_is_wrong() -> None:
    def half(input: Tensor, weight: Tensor) -> Tensor:
        Y = torch.nn.functional.conv2d(input, weight)
        return Y.half() if torch.is_autocast_enabled("cpu") else Y

    assert wrong(ask(half, "autocast", "float32")) == {"Y"}


def test_a_fault_that_only_autocast_meets_is_wrong() -> None:
    def doubled(input: Tensor, weight: Tensor) -> Tensor:
        Y = torch.nn.functional.conv2d(input, weight)
        return 2 * Y if Y.dtype == torch.bfloat16 else Y

    assert wrong(ask(doubled, "autocast", "float32")) == {"Y", "dX", "dK"}


class WithoutRule(torch.autograd.Function):
    """Its own backward pass multiplies a G in bfloat16 by a kernel in float32."""

    @staticmethod
    def forward(ctx: Any, X: Tensor, K: Tensor) -> Tensor:
        ctx.save_for_backward(X, K)
        return torch.nn.functional.conv2d(X, K)

    @staticmethod
    def backward(ctx: Any, G: Tensor) -> Any:
        X, K = ctx.saved_tensors
        dX = torch.nn.grad.conv2d_input(X.shape, K, G)
        return dX, torch.nn.grad.conv2d_weight(X, K.shape, G)


def test_a_backward_pass_without_a_rule_for_it_is_not_judged_with_the_reason() -> None:
    def function(input: Tensor, weight: Tensor) -> Any:
        apply: Any = WithoutRule.apply
        return apply(input, weight)

    first, *without_gradients = ask(function, "autocast", "float32")
    assert first.verdict == Verdict.UNSUPPORTED
    assert "under autocast the backward pass raises RuntimeError" in first.explanation
    assert {judgement.verdict for judgement in without_gradients} == {Verdict.EXACT}


@pytest.mark.parametrize("error", [NotImplementedError, ValueError, ZeroDivisionError])
def test_where_a_plain_call_raises_alike_autocast_is_not_spoken_of(error: Any) -> None:
    def raising(input: Tensor, weight: Tensor) -> Any:
        Y = torch.nn.functional.conv2d(input, weight)
        if input.shape[3] > 3 or torch.is_autocast_enabled("cpu"):
            raise error("not today")
        return Y

    for geometry, said in (("h2 w5", ""), ("h2 w3", "under autocast the call raises ")):
        judgements = ask(raising, "autocast", "float32", f"n2 c1 {geometry} o1 k1x2")
        assert judgements[0].verdict == Verdict.UNSUPPORTED
        assert judgements[0].explanation == f"{said}{error.__name__}: not today"


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_a_fault_under_autocast_and_without_gradients_alone_is_wrong(mode: Any) -> None:
    """Neither of the two alone shows it, and updates of arguments are asked of what is right."""
    is_in = {
        torch.no_grad: lambda: (
            not torch.is_grad_enabled() and not torch.is_inference_mode_enabled()
        ),
        torch.inference_mode: torch.is_inference_mode_enabled,
    }[mode]

    def convolve(input: Tensor, weight: Tensor) -> Tensor:
        Y = torch.nn.functional.conv2d(input, weight)
        return 2 * Y if torch.is_autocast_enabled("cpu") and is_in() else Y

    found = [j for j in ask(convolve, "autocast", "float32") if j.verdict == Verdict.WRONG]
    assert {judgement.quantity for judgement in found} == {"Y"}
    assert all(f"under autocast and torch.{mode.__name__}: " in j.explanation for j in found)
    for check in ("without_gradients", "updated_arguments"):
        assert not wrong(ask(convolve, check, "float32"))


def test_a_fault_of_a_layer_in_evaluation_under_autocast_is_wrong() -> None:
    class Packed(torch.nn.Conv2d):
        def forward(self, input: Tensor) -> Tensor:
            Y = super().forward(input)
            mixed = torch.is_autocast_enabled("cpu") and not torch.is_grad_enabled()
            return 2 * Y if mixed and not self.training else Y

    found = [j for j in ask(Packed, "autocast", "float32") if j.verdict == Verdict.WRONG]
    assert {j.explanation.partition(":")[0] for j in found} == {
        "in eval() under autocast and torch.no_grad",
        "in eval() under autocast and torch.inference_mode",
    }


def test_a_path_of_fewer_bits_is_told_by_its_precision() -> None:
    def quantised(input: Tensor, weight: Tensor) -> Tensor:
        if torch.is_autocast_enabled("cpu"):
            input = input.to(torch.float8_e5m2).float()
        return torch.nn.functional.conv2d(input, weight)

    assert "Y" in wrong(ask(quantised, "autocast_precision", "float32"))


def test_the_dtype_of_the_answer_is_observed() -> None:
    def of_large_batches(X: Tensor, K: Tensor) -> Tensor:
        with torch.autocast("cpu", enabled=X.shape[0] < 8):
            return torch.nn.functional.conv2d(X, K)

    for samples, dtype in ((2, "bfloat16"), (9, "float32")):
        said = "under autocast, Y of operands in float32 is in "
        found = ask(of_large_batches, "autocast", "float32", f"n{samples} c1 h2 w3 o1 k1x2")
        assert {j.observed for j in found} - {""} == {said + dtype}


def test_a_bias_that_widens_the_answer_is_told_from_a_call_without_one() -> None:
    def widens(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        Y = conv2d(input, weight)
        return Y if bias is None else Y + bias[:, None, None]

    said = "under autocast, Y of operands in float32 is in "
    found = {each.observed for each in judged(widens, f"autocast {SIZES}")}
    assert {f"{said}float32", f"{said}bfloat16"} <= found


def test_who_refuses_what_it_gives_under_autocast_is_observed() -> None:
    def of_one_dtype(input: Tensor, weight: Tensor) -> Tensor:
        if input.dtype != weight.dtype:
            raise RuntimeError("input and weight must have one dtype")
        return torch.nn.functional.conv2d(input, weight)

    case = "autocast float32 n1 c2 h4 w5 o3 k3x2 nobias"
    said = {j.observed for j in judged(of_one_dtype, case)}
    assert (
        "under autocast, of an X in bfloat16, as its own Y is, the call raises RuntimeError" in said
    )
    assert not failures(of_one_dtype, case)


def test_a_wrong_output_of_what_another_layer_lowered_is_found() -> None:
    def doubled(input: Tensor, weight: Tensor) -> Tensor:
        return torch.nn.functional.conv2d(input * (1 + (input.dtype != weight.dtype)), weight)

    found = failures(doubled, "autocast float32 n1 c2 h4 w5 o3 k3x2 nobias")
    assert found["autocast", "Y"].startswith(
        "under autocast, of an X in bfloat16, as its own Y is: "
    )


class InAutocastsDtype(torch.autograd.Function):
    """Its backward pass is of operations that autocast lowers."""

    @staticmethod
    def forward(ctx: Any, X: Tensor, K: Tensor) -> Tensor:
        ctx.save_for_backward(X, K)
        return conv2d(X, K)

    @staticmethod
    def backward(ctx: Any, G: Tensor) -> Any:
        X, K = ctx.saved_tensors
        dK = conv2d(X.transpose(0, 1), G.transpose(0, 1)).transpose(0, 1)
        return conv_transpose2d(G, K).to(X.dtype), dK.to(K.dtype)


def test_a_backward_pass_that_autocast_alone_lowers_is_observed() -> None:
    def lowered(input: Tensor, weight: Tensor) -> Tensor:
        with torch.autocast("cpu", enabled=False):
            Y: Tensor = InAutocastsDtype.apply(input.float(), weight.float())  # type: ignore[no-untyped-call]  # torch's own
        return Y

    said = [
        {each.observation for each in judged(target, f"autocast {SIZES} nobias")}
        for target in (lowered, conv2d)
    ]
    outside = "where the backward pass alone is under autocast, the gradients are not the same"
    assert [any(text.startswith(outside) for text in each) for each in said] == [True, False]


def test_a_transform_that_autocast_lowers_is_observed() -> None:
    """Of Winograd's tiles of four by four bfloat16 keeps fewer digits than of a sum."""
    case = "autocast float32 n3 c4 h8 w4 o9 k3x3 p1"
    for seed in (1, 4, 8):
        assert not failures(right.winograd_4, case, seed)
    said = "under autocast Y, of a transform (Winograd, FFT), keeps fewer digits than bfloat16 has"
    assert said in {each.observation for each in judged(right.winograd_4, case)}

    def a_quarter_more(input: Tensor, weight: Tensor) -> Tensor:
        Y = conv2d(input, weight)
        return 1.25 * Y if torch.is_autocast_enabled("cpu") else Y

    assert failures(a_quarter_more, "autocast float32 n3 c4 h8 w4 o9 k3x3 nobias")
