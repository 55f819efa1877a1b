"""What turns into another failure one size down is of one fault, and two faults stay two."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import pytest
import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad, unfold
from torch.nn.grad import conv2d_input, conv2d_weight

from conv_reference.verification.diagnosis.bench import Bench
from conv_reference.verification.diagnosis.explaining.explain import Explanation
from conv_reference.verification.diagnosis.explaining.wording import finding_of
from conv_reference.verification.diagnosis.grouping.one_step_smaller import (
    filed_under_what_smaller_sizes_show,
)
from conv_reference.verification.execution import Settings
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.result import FOUND, Verdict
from conv_reference.verification.target.conventions import as_target
from conv_reference.verification.work.here import Here

Pair = tuple[int, int]
Target: TypeAlias = Callable[..., Tensor]


def windows(X: Tensor, kernel: Pair, stride: Pair) -> Tensor:
    """Patches of X, of shape (n, c, kh, kw, oh, ow)."""
    columns = unfold(X, kernel, stride=stride)
    sizes = [(X.shape[2 + i] - kernel[i]) // stride[i] + 1 for i in (0, 1)]
    return columns.reshape(X.shape[0], X.shape[1], *kernel, *sizes)


def transposed(
    input: Tensor, weight: Tensor, stride: Pair = (1, 1), padding: Pair = (0, 0)
) -> Tensor:
    """One fault: its kernel is transposed, which fits where that is square."""
    (ph, pw), kernel = padding, (weight.shape[2], weight.shape[3])
    patches = windows(pad(input, (pw, pw, ph, ph)), kernel, stride)
    return torch.einsum("ncijhw,ocij->nohw", patches, weight.mT.expand(weight.shape))


def columns_by_rows(input: Tensor, weight: Tensor) -> Tensor:
    """One fault: the columns of its outputs are counted by its rows."""
    (kh, kw), (h, w) = weight.shape[2:], input.shape[2:]
    Y = torch.zeros(input.shape[0], weight.shape[0], h - kh + 1, w - kw + 1, dtype=input.dtype)
    for i in range(Y.shape[2]):
        for j in range(Y.shape[2]):  # a fault: of its columns
            patch = input[:, :, i : i + kh, j : j + kw]
            Y[:, :, i, j] = (patch.unsqueeze(1) * weight).sum((2, 3, 4))
    return Y


def group_by_inputs(input: Tensor, weight: Tensor, groups: int = 1) -> Tensor:
    """One fault: kernels are counted by the input channels of each group."""
    each = input.shape[1] // groups
    parts = []
    for g in range(groups):
        kernels = weight[g * each : (g + 1) * each] if groups > 1 else weight
        parts.append(conv2d(input[:, g * each : (g + 1) * each], kernels))
    Y = torch.cat(parts, 1)
    return Y + Y.new_zeros(weight.shape[0], 1, 1)


@dataclass(frozen=True)
class Backward:
    """What a backward pass by hand is given."""

    X: Tensor
    K: Tensor
    G: Tensor
    stride: Pair
    padding: Pair
    groups: int

    @property
    def to_input(self) -> Tensor:
        options = self.stride, self.padding, (1, 1), self.groups
        answer: Tensor = conv2d_input(self.X.shape, self.K, self.G, *options)
        return answer

    @property
    def to_kernel(self) -> Tensor:
        options = self.stride, self.padding, (1, 1), self.groups
        answer: Tensor = conv2d_weight(self.X, self.K.shape, self.G, *options)
        return answer


def by_hand(backward: Callable[[Backward], tuple[Tensor, Tensor]]) -> Target:
    """A convolution with this backward pass."""

    class Function(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, X: Tensor, K: Tensor, *options: Any) -> Tensor:
            ctx.save_for_backward(X, K)
            ctx.options = options
            stride, padding, groups = options
            return conv2d(X, K, None, stride, padding, 1, groups)

        @staticmethod
        def backward(ctx: Any, *gradients: Any) -> Any:
            return *backward(Backward(*ctx.saved_tensors, *gradients, *ctx.options)), *[None] * 3

    def target(
        input: Tensor,
        weight: Tensor,
        stride: Pair = (1, 1),
        padding: Pair = (0, 0),
        groups: int = 1,
    ) -> Tensor:
        answer: Tensor = Function.apply(input, weight, stride, padding, groups)  # type: ignore[no-untyped-call]  # torch's `apply` is untyped
        return answer

    return target


@by_hand
def padded_alike(of: Backward) -> tuple[Tensor, Tensor]:
    """One fault: of its columns as many are cut off as of its rows."""
    (ph, pw), (height, width) = of.padding, of.X.shape[2:]
    padded = (*of.X.shape[:2], height + 2 * ph, width + 2 * pw)
    dX = conv2d_input(padded, of.K, of.G, of.stride, groups=of.groups)
    return dX[:, :, ph : ph + height, ph : ph + width], of.to_kernel


@by_hand
def unstrided(of: Backward) -> tuple[Tensor, Tensor]:
    """One fault: its dX takes no stride, and is expanded where that has one column."""
    rows, columns = (size - 1 for size in of.K.shape[2:])
    spread = pad(of.G, (columns, columns, rows, rows))
    dX = torch.zeros_like(of.X)
    dX += conv2d(spread, of.K.flip(2, 3).transpose(0, 1))
    return dX, of.to_kernel


@by_hand
def strided_and_grouped(of: Backward) -> tuple[Tensor, Tensor]:
    """Two faults: strides make its dX wrong, and groups raise."""
    dX = of.to_input * max(of.stride)
    if of.groups > 1:
        dX.view(0)
    return dX, of.to_kernel


@by_hand
def padded_and_strided(of: Backward) -> tuple[Tensor, Tensor]:
    """Two faults of dX: padding makes it wider, strides its numbers wrong."""
    dX = pad(of.to_input * max(of.stride), (0, of.padding[1]))
    return dX, of.to_kernel


def squeezed(input: Tensor, weight: Tensor, stride: Pair = (1, 1)) -> Tensor:
    """Two faults: strides, and a batch of one, which a smaller case of the other has, too."""
    Y = conv2d(input, weight, None, stride)
    if input.shape[0] == 1:
        Y.view(0)
    return Y * max(stride)


def odd_or_large(input: Tensor, weight: Tensor) -> Tensor:
    """Two faults: an odd number of columns from three on, and eight of them or more."""
    Y = conv2d(input, weight)
    if Y.shape[3] >= 8:
        Y.view(0)
    return Y + 1 if Y.shape[3] in {3, 5, 7} else Y


def transposed_and_viewed(input: Tensor, weight: Tensor) -> Tensor:
    """Two faults: kernels that are not square, and those that are not contiguous."""
    Y = conv2d(input, weight)
    weight.view(-1)
    return Y if weight.shape[2] == weight.shape[3] else -Y


def there_and_back(input: Tensor, weight: Tensor, padding: Pair = (0, 0)) -> Tensor:
    """Two faults: its Y raises where it is padded in rows, its dX is wrong where in columns."""
    if padding[0] > 0:
        input.view(0)
    return padded_alike(input, weight, (1, 1), padding, 1)


VIEWED = "h1 w2 k1x2 K=channels_last"


@pytest.mark.parametrize(
    ("target", "first", "second", "is_one"),
    [
        (transposed, "h1 w2 k1x2 grad=", "h2 w2 k2x2 s2 grad=", True),
        # On its smallest image many an option made plain mends the second by chance.
        (transposed, "h1 w2 k1x2 grad=", "h1 w2 k3 s2 p1 grad=", True),
        (columns_by_rows, "h2 w1 k1 grad=", "h1 w2 k1 grad=", True),
        (group_by_inputs, "c4 o2 h1 w1 k1 g2 grad=", "c2 o4 h1 w1 k1 g2 grad=", True),
        (padded_alike, "h1 w1 k1 p1x0 grad=X", "h1 w1 k1 p0x1 grad=X", True),
        (unstrided, "h1 w3 k1 s1x2 grad=X", "h1 w2 k1 s1x2 grad=X", True),
        (strided_and_grouped, "h1 w1 k1 s1x2 grad=X", "c2 o2 h1 w1 k1 g2 grad=X", False),
        (padded_and_strided, "h1 w1 k1 p0x1 grad=X", "h1 w1 k1 s1x2 grad=X", False),
        (squeezed, "h1 w1 k1 grad=", "n2 h1 w1 k1 s1x2 grad=", False),
        (odd_or_large, "h1 w3 k1 grad=", "h1 w8 k1 grad=", False),
        (transposed_and_viewed, "h1 w2 k1x2 grad=", f"c2 {VIEWED} grad=", False),
        (there_and_back, "h1 w1 k1 p1x0 grad=", "h1 w1 k1 p0x1 grad=X", False),
    ],
)  # fmt: skip
def test_one_fault_is_told_once_and_two_are_told_apart(
    target: Target, first: str, second: str, is_one: bool
) -> None:
    judged = as_target(target)
    bench = Bench(judged, Here(judged), Settings(seed=1, device="cpu"), (), (), math.inf)
    found = []
    for fault, text in enumerate((first, second), start=1):
        case = Case.parse(f"certificate float64 {with_sizes(text)} nobias")
        (failure, *_) = bench.failures_on([case])[case]
        assert failure.judgement.verdict in FOUND
        finding = finding_of(failure, Explanation(), bench, known="", in_process=True)
        found.append((failure, replace(finding, fault=fault)))

    filed = [finding for _, finding in filed_under_what_smaller_sizes_show(found, bench)]

    assert {finding.case for finding in filed} == {finding.case for _, finding in found}
    assert {finding.fault for finding in filed} == ({1} if is_one else {1, 2})
    assert not any(finding.follows for finding in filed)  # each is told, with its message
    if is_one and Verdict.WRONG in {finding.verdict for finding in filed}:
        assert filed[0].verdict == Verdict.WRONG


def with_sizes(text: str) -> str:
    """A case's text with one sample and one channel where it names none."""
    named = {part[0] for part in text.split() if part[1].isdigit()}
    return " ".join([*(f"{letter}1" for letter in "nco" if letter not in named), text])
