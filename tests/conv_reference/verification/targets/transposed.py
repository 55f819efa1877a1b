"""Transposed convolutions with the faults that shipped (FAULTS), each behind the guard it had."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import conv2d, conv_transpose2d, pad


def _pair(value: Any) -> tuple[int, int]:
    pair = (value, value) if isinstance(value, int) else tuple(value) * (3 - len(value))
    first, second = pair
    return first, second


def right(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """By zeros between the pixels, zeros around, and a convolution with the flipped kernel."""
    (sh, sw), (ph, pw), (dh, dw) = map(_pair, (stride, padding, dilation))
    n, c, h, w = input.shape
    spread = input.new_zeros(n, c, (h - 1) * sh + 1, (w - 1) * sw + 1)
    spread[:, :, ::sh, ::sw] = input
    around_h, around_w = dh * (weight.shape[2] - 1) - ph, dw * (weight.shape[3] - 1) - pw
    below, beside = _pair(output_padding)
    if below >= sh or beside >= sw:
        raise ValueError("an output padding as large as the stride")
    spread = pad(spread, (around_w, around_w + beside, around_h, around_h + below))
    inner, outer = c // groups, weight.shape[1]
    kernel = weight.reshape(groups, inner, outer, *weight.shape[2:]).transpose(1, 2).flip(3, 4)
    kernel = kernel.reshape(groups * outer, inner, *weight.shape[2:])
    return conv2d(spread, kernel, bias, dilation=dilation, groups=groups)


def ignores_output_padding(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """The rows and columns are there, and nothing is in them but the bias."""
    Y = conv_transpose2d(input, weight, None, stride, padding, output_padding, groups, dilation)
    height, width = (size - extra for size, extra in zip(Y.shape[2:], output_padding, strict=True))
    Y = pad(Y[:, :, :height, :width], (0, output_padding[1], 0, output_padding[0]))
    return Y if bias is None else Y + bias[:, None, None]


def wrong_size_with_dilation(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """The size is counted from k + d - 1 in place of d·(k - 1) + 1."""
    Y = conv_transpose2d(input, weight, bias, stride, padding, output_padding, groups, dilation)
    sizes = (input.shape[2:], stride, padding, weight.shape[2:], dilation, output_padding)
    counted = [
        (size - 1) * s - 2 * p + (k + d - 2) + extra + 1
        for size, s, p, k, d, extra in zip(*sizes, strict=True)
    ]
    return pad(Y, (0, counted[1] - Y.shape[3], 0, counted[0] - Y.shape[2]))


def pads_its_input(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """The padding surrounds the input with zeros, as a convolution's does."""
    (ph, pw), (sh, sw) = padding, stride
    whole = pad(input, (pw, pw, ph, ph))
    Y = conv_transpose2d(whole, weight, bias, stride, 0, output_padding, groups, dilation)
    return Y[:, :, : Y.shape[2] - 2 * (sh + 1) * ph, : Y.shape[3] - 2 * (sw + 1) * pw]


def exchanges_groups_and_channels(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """The kernel's first axis is read as channels of groups, in place of groups of channels."""
    inner = weight.shape[0] // groups
    mixed = weight.reshape(inner, groups, *weight.shape[1:]).transpose(0, 1).reshape(weight.shape)
    return conv_transpose2d(input, mixed, bias, stride, padding, output_padding, groups, dilation)


def ignores_dilation(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """The shape is right: as of tensorflow#18454."""
    right_one = conv_transpose2d(
        input, weight, bias, stride, padding, output_padding, groups, dilation
    )
    dense = conv_transpose2d(input, weight, bias, stride, 0, output_padding, groups)
    (ph, pw), (height, width) = padding, right_one.shape[2:]
    dense = dense[:, :, ph:, pw:]
    return pad(dense, (0, width - dense.shape[3], 0, height - dense.shape[2]))


class _LosesGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, Y: Tensor, step: tuple[int, int]) -> Tensor:
        ctx.step = step
        return Y.clone()

    @staticmethod
    def backward(ctx: Any, G: Tensor) -> Any:
        lost = G.clone()
        lost[:, :, ctx.step[0] :: ctx.step[0]] = 0
        return lost, None


def loses_gradient_where_the_stride_is_over_the_kernel(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """As of pytorch#63314: Y is right, dX is not."""
    Y = conv_transpose2d(input, weight, bias, stride, padding, output_padding, groups, dilation)
    if stride[0] <= weight.shape[2] or Y.shape[2] <= stride[0]:
        return Y
    lossy: Tensor = _LosesGradient.apply(Y, stride)  # type: ignore[no-untyped-call]  # torch's `apply` is untyped
    return lossy


def scattered(input: Tensor, weight: Tensor, *, stride: Any = 1) -> Tensor:
    """Right; nothing in its signature says that it is a transposed convolution."""
    return conv_transpose2d(input, weight, stride=stride)
