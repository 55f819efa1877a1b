"""A raise for want of size goes under what a larger image shows, and no other raise does."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn.functional import conv2d, conv_transpose2d, unfold
from torch.nn.grad import conv2d_input, conv2d_weight

from conv_reference.verification.diagnosis.bench import Bench
from conv_reference.verification.diagnosis.explaining.explain import Explanation
from conv_reference.verification.diagnosis.explaining.wording import finding_of
from conv_reference.verification.diagnosis.grouping.larger_images import (
    filed_under_what_larger_images_show,
)
from conv_reference.verification.execution import Settings
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.result import FOUND
from conv_reference.verification.target.conventions import as_target
from conv_reference.verification.work.here import Here

Pair = tuple[int, int]


def exchanged(
    input: Tensor, weight: Tensor, stride: Pair = (1, 1), dilation: Pair = (1, 1)
) -> Tensor:
    """Takes the dilation's two axes for each other."""
    return conv2d(input, weight, stride=stride, dilation=dilation[::-1])


def large_and_dilated(
    input: Tensor, weight: Tensor, stride: Pair = (1, 1), dilation: Pair = (1, 1)
) -> Tensor:
    """Two faults: images of four rows, and a dilation along the rows."""
    Y = conv2d(input, weight, stride=stride, dilation=dilation)
    if dilation[0] > 1:
        Y = Y.view(0)  # torch raises: there are elements
    return Y + 1 if input.shape[2] >= 4 else Y


def dilated_unless_large(
    input: Tensor, weight: Tensor, stride: Pair = (1, 1), dilation: Pair = (1, 1)
) -> Tensor:
    """The same two, of which that of four rows hides the other."""
    if input.shape[2] >= 4:
        return conv2d(input, weight, stride=stride, dilation=dilation) + 1
    return large_and_dilated(input, weight, stride, dilation)


def of_three_by_three(input: Tensor, weight: Tensor) -> Tensor:
    """One fault: its windows have one size, and torch raises in one of two lines."""
    columns = unfold(input, (3, 3))
    height, width = input.shape[2] - 2, input.shape[3] - 2
    Y: Tensor = (weight.flatten(1) @ columns).unflatten(2, (height, width))
    return Y


def neither_small_nor_large(input: Tensor, weight: Tensor) -> Tensor:
    """Two faults, of images of one row and of eight, between which it is right."""
    Y = conv2d(input, weight)
    if input.shape[2] == 1:
        return Y.view(0)
    return Y.view(0, 1) if input.shape[2] >= 8 else Y


class _Shrinking(torch.autograd.Function):
    """Its dX lacks what the last stride does not reach; torch finds nothing left of some sizes."""

    @staticmethod
    def forward(ctx, X, K, stride):  # type: ignore[no-untyped-def]  # as users write it
        ctx.save_for_backward(X, K)
        ctx.stride = stride
        return conv2d(X, K, stride=stride)

    @staticmethod
    def backward(ctx, G):  # type: ignore[no-untyped-def]  # the same
        X, K = ctx.saved_tensors
        if X.shape[3] < ctx.stride[1]:
            raise RuntimeError("Output size is too small")
        dX = conv_transpose2d(G, K, stride=ctx.stride)
        return dX, conv2d_weight(X, K.shape, G, ctx.stride), None


def shrinking(input: Tensor, weight: Tensor, stride: Pair = (1, 1)) -> Tensor:
    answer: Tensor = _Shrinking.apply(input, weight, stride)  # type: ignore[no-untyped-call]  # torch's `apply` is untyped
    return answer


class _Undilated(torch.autograd.Function):
    """Its dX takes no dilation: torch raises, but where a stride rounds that off."""

    @staticmethod
    def forward(ctx, X, K, stride, dilation):  # type: ignore[no-untyped-def]  # as users write it
        ctx.save_for_backward(X, K)
        ctx.options = stride, 0, dilation
        return conv2d(X, K, None, *ctx.options)

    @staticmethod
    def backward(ctx, G):  # type: ignore[no-untyped-def]  # the same
        (X, K), (stride, _, _) = ctx.saved_tensors, ctx.options
        dX = conv2d_input(X.shape, K, G, stride)
        return dX, conv2d_weight(X, K.shape, G, *ctx.options), None, None


def undilated(
    input: Tensor, weight: Tensor, stride: Pair = (1, 1), dilation: Pair = (1, 1)
) -> Tensor:
    answer: Tensor = _Undilated.apply(input, weight, stride, dilation)  # type: ignore[no-untyped-call]  # torch's `apply` is untyped
    return answer


def strided_and_dilated(
    input: Tensor, weight: Tensor, stride: Pair = (1, 1), dilation: Pair = (1, 1)
) -> Tensor:
    """Two faults: any stride, and any dilation with none."""
    Y = conv2d(input, weight, stride=stride, dilation=dilation)
    if max(stride) > 1:
        return Y + 1
    return Y.view(0) if max(dilation) > 1 else Y


@pytest.mark.parametrize(
    ("target", "larger", "raising", "is_filed"),
    [
        (exchanged, "h3 w3 k1x2 d1x2", "h1 w2 k1x2 d2x1", True),
        (shrinking, "h1 w5 k1 s1x3", "h1 w2 k1 s1x3", True),
        (of_three_by_three, "h3 w3 k2", "h1 w1 k1", True),
        (undilated, "h1 w3 k1x2 s1x2 d1x2", "h1 w3 k1x2 d1x2", True),
        (strided_and_dilated, "h3 w3 k1 s2", "h3 w3 k1x2 d1x2", False),
        (neither_small_nor_large, "h8 w1 k1", "h1 w1 k1", False),
        # On larger images it raises all the same; and it is wrong there for their size alone.
        (large_and_dilated, "h4 w1 k1", "h3 w1 k2x1 d2x1", False),
        (dilated_unless_large, "h4 w1 k1", "h3 w1 k2x1 d2x1", False),
    ],
)  # fmt: skip
def test_what_raises_for_want_of_size_is_no_fault_of_its_own(
    target: Callable[..., Tensor], larger: str, raising: str, is_filed: bool
) -> None:
    judged = as_target(target)
    bench = Bench(judged, Here(judged), Settings(seed=1, device="cpu"), (), (), math.inf)
    found = []
    for fault, geometry in ((1, larger), (2, raising)):
        case = Case.parse(f"certificate float64 n1 c1 o1 {geometry} grad=XK nobias")
        (failure, *_) = bench.failures_on([case])[case]
        assert failure.judgement.verdict in FOUND
        finding = finding_of(failure, Explanation(), bench, known="", in_process=True)
        found.append((failure, replace(finding, fault=fault)))

    filed = filed_under_what_larger_images_show(found, bench)

    assert [failure for failure, _ in filed] == [failure for failure, _ in found]
    assert [finding.fault for _, finding in filed] == [1, 1 if is_filed else 2]
    assert not any(finding.follows for _, finding in filed)  # the raise is told, with its message
