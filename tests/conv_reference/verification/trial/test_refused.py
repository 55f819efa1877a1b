"""What is a refusal of a target's, and what is a fault of its numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d

from conv_reference.geometry import Geometry
from conv_reference.verification.execution import Settings, judge_case
from conv_reference.verification.model.case import CERTIFICATE, Case
from conv_reference.verification.model.result import FAILURES, Verdict
from conv_reference.verification.target.conventions import as_target
from conv_reference.verification.trial.refused import is_refusal
from conv_reference.verification.trial.trial import TargetRaised, target_code

Array = Any
SETTINGS = Settings(seed=0, device="cpu")


def swapped(X: Array, W: Array, stride: Any = (1, 1)) -> Array:
    """The strides are exchanged: a window at the edge is cut, and numpy says so."""
    (sh, sw), (kh, kw) = stride, W.shape[2:]
    size = (X.shape[2] - kh) // sh + 1, (X.shape[3] - kw) // sw + 1
    Y = np.zeros((len(X), len(W), *size), dtype=X.dtype)
    for i, j in np.ndindex(*size):
        window = X[:, :, i * sw : i * sw + kh, j * sh : j * sh + kw]
        Y[:, :, i, j] = np.tensordot(window, W, ([1, 2, 3], [1, 2, 3]))
    return Y


def asserting(X: Array, W: Array, stride: Any = (1, 1)) -> Array:
    """A row is lost, and seen to be lost at the end, as a course has its students do."""
    (sh, sw), (kh, kw) = stride, W.shape[2:]
    windows = np.lib.stride_tricks.sliding_window_view(X, (kh, kw), (2, 3))
    Y = np.einsum("nchwij,ocij->nohw", windows[:, :, : 1 - sh or None : sh, ::sw], W)
    expected = (X.shape[2] - kh) // sh + 1, (X.shape[3] - kw) // sw + 1
    assert Y.shape == (len(X), len(W), *expected)
    return Y


def declaring(X: Array, W: Array, stride: Any = (1, 1)) -> Array:
    """It looks at shapes, and at nothing else, before it refuses."""
    W = np.reshape(W, np.shape(W))
    if np.ndim(X) == 4 and np.asarray(X).shape[1] == W.shape[1] and max(stride) > 1:
        raise ValueError("strides are not supported")
    return swapped(X, W)


def declaring_late(X: Array, W: Array, stride: Any = (1, 1)) -> Array:
    """It has computed something when it says what it does not do."""
    doubled = 2 * X
    if max(stride) > 1:
        raise ValueError("unsupported stride")
    return swapped(doubled / 2, W)


def comparing(X: Array, W: Array, stride: Any = (1, 1)) -> Array:
    """A row is lost, which its last line notices, and says."""
    try:
        return asserting(X, W, stride)
    except AssertionError:
        raise ValueError("the shape of the output is not the one expected") from None


@pytest.mark.parametrize(
    ("function", "refused"),
    [
        (swapped, False),
        (asserting, False),
        (declaring, True),
        (declaring_late, True),
        (comparing, False),
    ],
)
def test_numpys_own_complaint_is_no_refusal_nor_is_one_after_computing(
    function: Any, refused: bool
) -> None:
    case = Case(
        check=CERTIFICATE,
        geometry=Geometry.parse("n1 c2 h7 w7 o2 k3 s3x2"),
        dtype=torch.float64,
        requires_grad="",
    )
    target = as_target(function)
    assert target.over_arrays
    trial = SETTINGS.trial(target, case)
    with pytest.raises(TargetRaised) as raised, target_code("Y"):
        trial.call().forward()
    assert is_refusal(trial, raised.value) == refused


def narrow(input: Tensor, weight: Tensor, padding: Any = 0) -> Tensor:
    """It refuses wide images: a law may make one of a case that it answers."""
    if input.shape[3] > 4:
        raise ValueError("images of 4 columns at most")
    return conv2d(input, weight, None, 1, padding)


def test_a_check_may_be_refused_a_size_that_it_makes_of_a_case() -> None:
    case = Case.parse("explicit_padding float64 n1 c1 h4 w4 o1 k1 p2 grad= nobias")
    target = as_target(narrow)
    certificate = judge_case(target, replace(case, check=CERTIFICATE), SETTINGS)
    assert {judgement.verdict for judgement in certificate} == {Verdict.EXACT}
    (refused,) = judge_case(target, case, SETTINGS)
    assert refused.verdict == Verdict.UNSUPPORTED
    assert "images of 4 columns at most" in refused.explanation


class Narrow(nn.Conv2d):
    """It refuses a dtype in words of its own, before anything is computed."""

    def forward(self, input: Tensor) -> Tensor:
        if input.dtype == torch.float64:
            raise ValueError("half as many bits, please")
        return super().forward(input)


class OnceWithStride(torch.autograd.Function):
    """Its backward pass declares what it does not do."""

    @staticmethod
    def forward(ctx: Any, input: Tensor, weight: Tensor, bias: None, stride: Any) -> Tensor:
        ctx.save_for_backward(input, weight)
        ctx.stride = stride
        return conv2d(input, weight, None, stride)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        if isinstance(ctx.stride, list):
            raise ValueError("only tuples are supported")
        if ctx.stride != (1, 1):
            raise ValueError("strides are not supported in the backward pass")
        input, weight = ctx.saved_tensors
        return (
            torch.nn.grad.conv2d_input(input.shape, weight, grad),
            torch.nn.grad.conv2d_weight(input, weight.shape, grad),
            None,
            None,
        )


@pytest.mark.parametrize(
    ("target", "case"),
    [
        # A layer is made in each of its calls there, which draws numbers.
        (Narrow, "integers_for_pairs float64 n1 c2 h5 w5 o2 k2"),
        (OnceWithStride, "certificate float32 n1 c2 h5 w5 o2 k2 s2 nobias"),
        (OnceWithStride, "integers_for_pairs float32 n1 c2 h5 w5 o2 k2 s2 nobias"),
    ],
)
def test_a_declared_limit_is_no_failure_wherever_it_is_declared(target: Any, case: str) -> None:
    judged = judge_case(as_target(target), Case.parse(case), SETTINGS)
    verdicts = {judgement.verdict for judgement in judged}
    assert Verdict.UNSUPPORTED in verdicts
    assert not verdicts & FAILURES
    strict = replace(SETTINGS, strict=True)
    judged = judge_case(as_target(target), Case.parse(case), strict)
    assert Verdict.RAISED in {judgement.verdict for judgement in judged}
