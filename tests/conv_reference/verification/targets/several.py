"""Convolutions with several faults at once: how many are found apart, and what follows from which.

Each fault sits behind a guard of its own, on another quantity or in another mode.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad, unfold
from torch.nn.grad import conv2d_input, conv2d_weight

from conv_reference.verification.faults import direct
from conv_reference.verification.faults.direct import Parts, Sizes
from conv_reference.verification.faults.planted.transform import sample_by_sample


def one_column_more(Y: Tensor, z: Sizes) -> Tensor:
    """Of another shape: the last stride that does not fit counts, too."""
    return pad(Y, (0, 1)) if z.rest[1] else Y


def no_tall_kernel(G: Tensor, K: Tensor, z: Sizes) -> Tensor:
    """Raises: of the backward pass, in dX, where the kernel is higher than wide."""
    if z.kh > z.kw:
        raise RuntimeError(f"no tile of {z.kh}×{z.kw} for {z.h} rows")
    return direct.grad_input(G, K, z)


def first_groups_gradient(G: Tensor, X: Tensor, z: Sizes) -> Tensor:
    """Wrong: every group's dK is made of the first group's X."""
    if z.g > 1:
        X = X[:, : z.cg].repeat(1, z.g, 1, 1)
    return direct.grad_weight(G, X, z)


def one_kernel_for_all(
    apply: Callable[..., Any], size: int, dims: Any, X: Any, K: Any, b: Any, z: Sizes
) -> Any:
    """Wrong under vmap: of the kernels that are mapped over the first is taken for all."""
    if dims[1] is not None:
        K, dims = K.select(dims[1], 0), (dims[0], None, *dims[2:])
        if all(dim is None for dim in dims[:3]):
            return apply(X, K, b, z).expand(size, *([-1] * 4)), 0
    return sample_by_sample(apply, size, dims, X, K, b, z)


wrong_shape = direct.convolution(Parts(finish=one_column_more))
shape_and_raise = direct.convolution(Parts(finish=one_column_more, grad_input=no_tall_kernel))
four = direct.convolution(
    Parts(
        finish=one_column_more,
        grad_input=no_tall_kernel,
        grad_weight=first_groups_gradient,
        vmap=one_kernel_for_all,
    )
)


class FlipsForwardAndDoublesGradient(torch.autograd.Function):
    """Its Y is a true convolution's; its dK is twice that of this Y, which Y does not explain."""

    @staticmethod
    def forward(ctx: Any, X: Tensor, K: Tensor) -> Tensor:
        ctx.save_for_backward(X, K)
        return conv2d(X, K.flip(2, 3))

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Any:
        X, K = ctx.saved_tensors
        (G,) = grad_outputs
        dK = conv2d_weight(X, K.shape, G).flip(2, 3)
        return conv2d_input(X.shape, K.flip(2, 3), G), 2 * dK


def twice_wrong(input: Tensor, weight: Tensor) -> Tensor:
    return FlipsForwardAndDoublesGradient.apply(input, weight)  # type: ignore[no-any-return, no-untyped-call]  # torch gives `apply` no types


class ScalesItsUpstream(torch.autograd.Function):
    """Right, but that the upstream gradient is doubled in place, for another kernel perhaps."""

    @staticmethod
    def forward(ctx: Any, X: Tensor, K: Tensor) -> Tensor:
        ctx.save_for_backward(X, K)
        return conv2d(X, K)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Any:
        X, K = ctx.saved_tensors
        (G,) = grad_outputs
        gradients = conv2d_input(X.shape, K, G), conv2d_weight(X, K.shape, G)
        G.mul_(2)
        return gradients


def scales_its_upstream(input: Tensor, weight: Tensor) -> Tensor:
    return ScalesItsUpstream.apply(input, weight)  # type: ignore[no-any-return, no-untyped-call]  # torch gives `apply` no types


def no_tall_output(input: Tensor, weight: Tensor) -> Tensor:
    """Raises, whatever it is asked through, where the output is higher than wide."""
    Y = conv2d(input, weight)
    return Y.flatten(2)[..., : Y.shape[3] ** 2].view(Y.shape)  # an empty batch has no -1


def equal_numbers_mixed_up(input: Tensor, weight: Tensor) -> Tensor:
    """Wrong where two elements of K are equal in size, as a decomposition that needs them apart."""
    sizes = weight.detach().abs().flatten()
    alike = len(sizes) > 1 and len(sizes.unique()) < len(sizes)
    return conv2d(input, 2 * weight if alike else weight)


class EmptyGradients(ScalesItsUpstream):
    """Both gradients are of another shape, of which torch sums what it can, and refuses others."""

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Any:
        X, K = ctx.saved_tensors
        return X.new_zeros(1, 1, 0, 0), torch.stack([K, K])


def empty_gradients(input: Tensor, weight: Tensor) -> Tensor:
    return EmptyGradients.apply(input, weight)  # type: ignore[no-any-return, no-untyped-call]  # torch gives `apply` no types


def one_too_much(input: Tensor, weight: Tensor) -> Tensor:
    return conv2d(input, weight) + 1


class SavesWhatItPadded(torch.autograd.Function):
    """What it keeps is no argument, so that dK is a constant in X; and dX is cut at its corner."""

    @staticmethod
    def forward(ctx: Any, X: Tensor, K: Tensor, padding: tuple[int, int]) -> Tensor:
        rows, columns = padding
        padded = torch.nn.functional.pad(X, (columns, columns, rows, rows))
        ctx.save_for_backward(padded, K)
        ctx.padding = padding
        return conv2d(padded, K)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Any:
        X, K = ctx.saved_tensors
        (G,) = grad_outputs
        height, width = (size - 2 * p for size, p in zip(X.shape[2:], ctx.padding, strict=True))
        dX = conv2d_input(X.shape, K, G)[:, :, :height, :width]
        return dX, conv2d_weight(X, K.shape, G), None


def saves_what_it_padded(input: Tensor, weight: Tensor, *, padding: Any = 0) -> Tensor:
    pair = (padding, padding) if isinstance(padding, int) else padding
    return SavesWhatItPadded.apply(input, weight, pair)  # type: ignore[no-any-return, no-untyped-call]  # torch gives `apply` no types


def forgets_dilation(input: Any, weight: Any, stride: Any = 1, dilation: Any = 1) -> Any:
    """Wrong: the width of Y forgets the dilation. And an empty batch has no height to be found."""
    columns = unfold(input, weight.shape[2:], dilation, 0, stride)
    step = stride if isinstance(stride, int) else stride[1]
    width = (input.shape[3] - weight.shape[3]) // step + 1
    return (weight.flatten(1) @ columns).reshape(len(input), len(weight), -1, width)
