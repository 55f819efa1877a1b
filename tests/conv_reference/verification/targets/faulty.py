"""Convolutions broken on purpose, each as a real one was, behind the guard that hid it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import conv2d

from conv_reference import functional
from conv_reference.geometry import geometry_of

Pair = tuple[int, int]


def flipped_kernel(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Pair = (1, 1),
    padding: Pair = (0, 0),
    dilation: Pair = (1, 1),
    groups: int = 1,
) -> Tensor:
    """The mathematician's convolution where a cross-correlation is meant."""
    return conv2d(input, weight.flip(2, 3), bias, stride, padding, dilation, groups)


def swapped_strides(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Pair = (1, 1),
    padding: Pair = (0, 0),
    dilation: Pair = (1, 1),
    groups: int = 1,
) -> Tensor:
    """Silent while s_h = s_w."""
    return conv2d(input, weight, bias, (stride[1], stride[0]), padding, dilation, groups)


def lost_bias_gradient(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Pair = (1, 1)
) -> Tensor:
    """The bias is added, and forgotten by the backward pass."""
    return conv2d(input, weight, None if bias is None else bias.detach(), stride)


class _WrongGroups(torch.autograd.Function):
    """Forward right; dX uses group 0's kernel in every group where groups and stride meet."""

    @staticmethod
    def forward(
        ctx: Any, input: Tensor, weight: Tensor, stride: Pair, padding: Pair, groups: int
    ) -> Tensor:
        ctx.save_for_backward(input, weight)
        ctx.options = stride, padding, groups
        return conv2d(input, weight, None, stride, padding, 1, groups)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Any:
        (G,) = grad_outputs
        input, weight = ctx.saved_tensors
        stride, padding, groups = ctx.options
        geometry = geometry_of(
            input.shape, weight.shape, stride=stride, padding=padding, groups=groups
        )
        used = weight
        if groups > 1 and stride != (1, 1):
            used = weight[: len(weight) // groups].repeat(groups, 1, 1, 1)
        dX = functional.grad_input(G, used, geometry)
        return dX, functional.grad_weight(G, input, geometry), None, None, None


def wrong_groups(
    input: Tensor,
    weight: Tensor,
    stride: Pair = (1, 1),
    padding: Pair = (0, 0),
    groups: int = 1,
) -> Tensor:
    """mlx PR#3800: dX wrong where groups > 1 and stride > 1, and only there."""
    result: Tensor = _WrongGroups.apply(input, weight, stride, padding, groups)  # type: ignore[no-untyped-call]
    return result


def dropped_sample(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Samples are taken four at a time, and a remainder of three loses its last."""
    Y = conv2d(input, weight, bias)
    if len(Y) % 4 == 3:
        Y = torch.cat([Y[:-1], torch.zeros_like(Y[-1:])])
    return Y


def ten_bits(input: Tensor, weight: Tensor) -> Tensor:
    """TF32: both operands lose all but ten bits behind the point; the gradients too."""
    return conv2d(_truncated(input), _truncated(weight))


def _truncated(tensor: Tensor) -> Tensor:
    """Rounded to TF32's ten bits, with a gradient that passes straight through."""
    bits = tensor.detach().float().view(torch.int32)
    rounded = ((bits + 0x1000) & ~0x1FFF).view(torch.float32).to(tensor.dtype)
    return tensor + (rounded - tensor).detach()


def wrong_shape(input: Tensor, weight: Tensor) -> Tensor:
    """One row too many, filled with zeros."""
    Y = conv2d(input, weight)
    return torch.cat([Y, torch.zeros_like(Y[:, :, :1])], dim=2)


def wrong_dtype(input: Tensor, weight: Tensor) -> Tensor:
    return conv2d(input.double(), weight.double())


def not_a_number(input: Tensor, weight: Tensor) -> Tensor:
    return conv2d(input, weight) * torch.nan


def nothing(input: Tensor, weight: Tensor) -> None:
    """Forgot to return."""


def raises_on_one_pixel(input: Tensor, weight: Tensor) -> Tensor:
    Y = conv2d(input, weight)
    if Y.shape[2:] == (1, 1):
        raise RuntimeError("no engine found\nfor this problem")
    return Y


def exits(input: Tensor, weight: Tensor) -> Tensor:
    raise SystemExit(0)


def not_implemented(input: Tensor, weight: Tensor) -> Tensor:
    raise NotImplementedError


def edits_its_input(input: Tensor, weight: Tensor) -> Tensor:
    """So that a comparison with the edited operands would hold."""
    with torch.no_grad():
        input.zero_()
    return conv2d(input, weight)


def rounded(input: Tensor, weight: Tensor) -> Tensor:
    """Right but not exact: Y takes a detour through two roundings."""
    Y = conv2d(input, weight)
    return Y + (Y / 1.1 * 1.1 - Y).detach()
