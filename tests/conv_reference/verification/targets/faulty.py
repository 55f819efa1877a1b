"""Convolutions with one plain fault each, for the tests of reduction, explanation and causes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad

from conv_reference import functional
from conv_reference.geometry import Geometry, geometry_of

Pair = tuple[int, int]
Convolution = Callable[..., Tensor]
Plain = Callable[[Tensor, Tensor, "Tensor | None", Geometry], Tensor]


def faulty(function: Plain) -> Convolution:
    """With torch's signature, of a function of a geometry."""

    def convolve(
        input: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> Tensor:
        geometry = geometry_of(
            input.shape,
            weight.shape,
            stride=stride,
            padding=padding,
            dilation=dilation,
            groups=groups,
        )
        return function(input, weight, bias, geometry)

    convolve.__name__ = convolve.__qualname__ = function.__name__
    convolve.__module__ = function.__module__
    return convolve


def right(X: Tensor, K: Tensor, b: Tensor | None, g: Geometry, **changes: Any) -> Tensor:
    """Torch's own; with changes, of another size perhaps, cropped or filled up with zeros.

    On contiguous copies: oneDNN crashes on some others (`docs/found`), and this runs in the tests.
    """
    X, K = (t.clone(memory_format=torch.contiguous_format) for t in (X, K))
    options: dict[str, Any] = {
        "stride": g.stride,
        "padding": (g.padding[0][0], g.padding[1][0]),
        "dilation": g.dilation,
        "groups": g.groups,
    }
    Y = conv2d(X, K, b, **options | changes)
    height, width = g.output_size
    Y = Y[:, :, :height, :width]
    return pad(Y, (0, width - Y.shape[3], 0, height - Y.shape[2]))


@faulty
def correct(X: Tensor, K: Tensor, b: Tensor | None, g: Geometry) -> Tensor:
    return right(X, K, b, g)


@faulty
def flipped_kernel(X: Tensor, K: Tensor, b: Tensor | None, g: Geometry) -> Tensor:
    return right(X, K.flip(2, 3), b, g)


@faulty
def transposed_kernel(X: Tensor, K: Tensor, b: Tensor | None, g: Geometry) -> Tensor:
    if g.kernel_size[0] != g.kernel_size[1]:
        return right(X, K, b, g)
    return right(X, K.transpose(2, 3), b, g)


@faulty
def exchanged_channels(X: Tensor, K: Tensor, b: Tensor | None, g: Geometry) -> Tensor:
    if g.groups > 1 or g.in_channels != g.out_channels:
        return right(X, K, b, g)
    return right(X, K.transpose(0, 1), b, g)


@faulty
def exchanged_strides(X: Tensor, K: Tensor, b: Tensor | None, g: Geometry) -> Tensor:
    return right(X, K, b, g, stride=g.stride[::-1])


@faulty
def square_dilation(X: Tensor, K: Tensor, b: Tensor | None, g: Geometry) -> Tensor:
    if g.dilation[0] > g.dilation[1]:
        return right(X, K, b, g)
    return right(X, K, b, g, dilation=g.dilation[0])


@faulty
def ignored_dilation(X: Tensor, K: Tensor, b: Tensor | None, g: Geometry) -> Tensor:
    return right(X, K, b, g, dilation=1)


@faulty
def padding_on_one_side(X: Tensor, K: Tensor, b: Tensor | None, g: Geometry) -> Tensor:
    (top, _), (left, _) = g.padding
    return right(pad(X, (left, left, 0, 2 * top)), K, b, g, padding=0)


@faulty
def first_group(X: Tensor, K: Tensor, b: Tensor | None, g: Geometry) -> Tensor:
    return right(X[:, : g.group_channels[0]].repeat(1, g.groups, 1, 1), K, b, g)


@faulty
def first_sample(X: Tensor, K: Tensor, b: Tensor | None, g: Geometry) -> Tensor:
    return right(X[:1].expand_as(X), K, b, g)


@faulty
def lost_sample(X: Tensor, K: Tensor, b: Tensor | None, g: Geometry) -> Tensor:
    Y = right(X, K, b, g)
    return torch.cat([Y[:-1], torch.zeros_like(Y[-1:])]) if g.batch > 1 else Y


@faulty
def lost_bias(X: Tensor, K: Tensor, b: Tensor | None, g: Geometry) -> Tensor:
    return right(X, K, None, g)


@faulty
def bias_twice(X: Tensor, K: Tensor, b: Tensor | None, g: Geometry) -> Tensor:
    return right(X, K, None if b is None else b + b, g)


@faulty
def lost_last_tap(X: Tensor, K: Tensor, b: Tensor | None, g: Geometry) -> Tensor:
    mask = torch.ones_like(K[0, 0]).flatten()
    mask[-1] = 0
    return right(X, K * mask.reshape(g.kernel_size), b, g)


@faulty
def lost_last_column(X: Tensor, K: Tensor, b: Tensor | None, g: Geometry) -> Tensor:
    mask = torch.ones(g.output_size[1], dtype=X.dtype)
    mask[-1] = 0
    return right(X, K, b, g) * mask


@faulty
def lost_remainder(X: Tensor, K: Tensor, b: Tensor | None, g: Geometry) -> Tensor:
    kept = torch.ones(g.input_size, dtype=X.dtype)
    kept[g.input_size[0] - g.remainder[0] :] = 0
    kept[:, g.input_size[1] - g.remainder[1] :] = 0
    return right(X * kept, K, b, g)


@faulty
def zeros(X: Tensor, K: Tensor, b: Tensor | None, g: Geometry) -> Tensor:
    return right(X, K, b, g) * 0


@faulty
def negative(X: Tensor, K: Tensor, b: Tensor | None, g: Geometry) -> Tensor:
    return -right(X, K, b, g)


@faulty
def twice(X: Tensor, K: Tensor, b: Tensor | None, g: Geometry) -> Tensor:
    return 2 * right(X, K, b, g)


@faulty
def shifted_down(X: Tensor, K: Tensor, b: Tensor | None, g: Geometry) -> Tensor:
    Y = right(X, K, b, g)
    return pad(Y, (0, 0, 1, 0))[:, :, :-1]


@faulty
def in_bfloat16(X: Tensor, K: Tensor, b: Tensor | None, g: Geometry) -> Tensor:
    return right(X.bfloat16().to(X.dtype), K.bfloat16().to(X.dtype), b, g)


@faulty
def all_in_bfloat16(X: Tensor, K: Tensor, b: Tensor | None, g: Geometry) -> Tensor:
    """As under autocast, but for the bias."""
    Y = right(X.bfloat16().to(X.dtype), K.bfloat16().to(X.dtype), None, g)
    Y = Y.bfloat16().to(X.dtype)
    return Y if b is None else Y + b[:, None, None]


@faulty
def in_ten_bits(X: Tensor, K: Tensor, b: Tensor | None, g: Geometry) -> Tensor:
    """TF32: both operands lose all but ten bits behind the point."""
    return right(_in_ten_bits(X), _in_ten_bits(K), b, g)


def _in_ten_bits(tensor: Tensor) -> Tensor:
    bits = tensor.detach().float().view(torch.int32)
    rounded = ((bits + 0x1000) & ~0x1FFF).view(torch.float32).to(tensor.dtype)
    return tensor + (rounded - tensor).detach()


@faulty
def ignores_the_strides_of_x(X: Tensor, K: Tensor, b: Tensor | None, g: Geometry) -> Tensor:
    strides = torch.empty(X.shape, device="meta").stride()
    return right(X.as_strided(X.shape, strides, X.storage_offset()), K, b, g)


@faulty
def zero_columns(X: Tensor, K: Tensor, b: Tensor | None, g: Geometry) -> Tensor:
    """Every other column, the first among them, is zero."""
    Y = right(X, K, b, g)
    return Y * (torch.arange(g.output_size[1]) % 2)


@faulty
def unwritten(X: Tensor, K: Tensor, b: Tensor | None, g: Geometry) -> Tensor:
    """A result whose last column was never written: the memory holds what it was filled with."""
    Y = right(X, K, b, g)
    mask = torch.zeros(g.output_size[1], dtype=torch.bool)
    mask[-1] = True
    return Y.masked_fill(mask, 3.39e38 if Y.dtype == torch.float32 else 6e4)


@faulty
def lost_bias_gradient(X: Tensor, K: Tensor, b: Tensor | None, g: Geometry) -> Tensor:
    """The bias is added, and forgotten by the backward pass."""
    return right(X, K, None if b is None else b.detach(), g)


class _WrongGroups(torch.autograd.Function):
    """Forward right; dX uses group 0's kernel in every group where groups and stride meet."""

    @staticmethod
    def forward(ctx: Any, X: Tensor, K: Tensor, g: Geometry) -> Tensor:
        ctx.save_for_backward(X, K)
        ctx.geometry = g
        return right(X, K, None, g)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Any:
        (G,), (X, K), g = grad_outputs, ctx.saved_tensors, ctx.geometry
        used = K
        if g.groups > 1 and g.stride != (1, 1):
            used = K[: len(K) // g.groups].repeat(g.groups, 1, 1, 1)
        return functional.grad_input(G, used, g), functional.grad_weight(G, X, g), None


@faulty
def wrong_groups(X: Tensor, K: Tensor, b: Tensor | None, g: Geometry) -> Tensor:
    """mlx PR#3800: dX wrong where groups > 1 and stride > 1, and only there."""
    Y: Tensor = _WrongGroups.apply(X, K, g)  # type: ignore[no-untyped-call]  # torch's `apply` is untyped
    return Y if b is None else Y + b[:, None, None]


@faulty
def not_implemented(X: Tensor, K: Tensor, b: Tensor | None, g: Geometry) -> Tensor:
    raise NotImplementedError("not on this machine")


@faulty
def detour(X: Tensor, K: Tensor, b: Tensor | None, g: Geometry) -> Tensor:
    """Right but not exact: Y takes a detour through two roundings."""
    Y = right(X, K, b, g)
    return Y + (Y / 1.1 * 1.1 - Y).detach()


@faulty
def edits_its_input(X: Tensor, K: Tensor, b: Tensor | None, g: Geometry) -> Tensor:
    """So that a comparison with the edited operands would hold."""
    with torch.no_grad():
        X.zero_()
    return right(X, K, b, g)


@faulty
def times_taps(X: Tensor, K: Tensor, b: Tensor | None, g: Geometry) -> Tensor:
    return right(X, K, b, g) * (g.kernel_size[0] * g.kernel_size[1])


@faulty
def mean_over_samples(X: Tensor, K: Tensor, b: Tensor | None, g: Geometry) -> Tensor:
    """A mean over the batch where the sum is meant."""
    return right(X, K, b, g) / g.batch


@faulty
def dilated_twice(X: Tensor, K: Tensor, b: Tensor | None, g: Geometry) -> Tensor:
    """The kernel is spread out, and what spreads it is handed on."""
    twice = (g.dilation[0] ** 2, g.dilation[1] ** 2)
    return conv2d(X, K, b, g.stride, (g.padding[0][0], g.padding[1][0]), twice, g.groups)


@faulty
def rectified(X: Tensor, K: Tensor, b: Tensor | None, g: Geometry) -> Tensor:
    return right(X, K, b, g).relu()


@faulty
def same_as_tensorflow(X: Tensor, K: Tensor, b: Tensor | None, g: Geometry) -> Tensor:
    """Pads to ⌈size / stride⌉ outputs, the odd row and column at the end, and crops."""
    sides = []
    for axis in (1, 0):
        size, stride = g.input_size[axis], g.stride[axis]
        span = g.dilation[axis] * (g.kernel_size[axis] - 1) + 1
        total = max(0, (-(-size // stride) - 1) * stride + span - size)
        sides += [total // 2, total - total // 2]
    return right(pad(X, sides), K, b, g, padding=0)


@faulty
def half_the_kernel(X: Tensor, K: Tensor, b: Tensor | None, g: Geometry) -> Tensor:
    """Pads half of it on each side, at any stride."""
    (high, wide) = ((span - 1) // 2 for span in g.span)
    return right(pad(X, (wide, wide, high, high)), K, b, g, padding=0)


@faulty
def half_the_kernel_and_more(X: Tensor, K: Tensor, b: Tensor | None, g: Geometry) -> Tensor:
    """The same with k // 2, which of an even kernel is more than half of what is between."""
    (high, wide) = (span // 2 for span in g.span)
    return right(pad(X, (wide, wide, high, high)), K, b, g, padding=0)


@faulty
def wrong_offset(X: Tensor, K: Tensor, b: Tensor | None, g: Geometry) -> Tensor:
    """Reads three places further on, and zeros behind the end."""
    flat = X.flatten()
    return right(torch.cat([flat[3:], torch.zeros_like(flat[:3])]).reshape(X.shape), K, b, g)


@faulty
def nan_of_a_formula(X: Tensor, K: Tensor, b: Tensor | None, g: Geometry) -> Tensor:
    """Divides by the padding: 0/0 without one."""
    none = X.new_zeros(())
    return right(X, K, b, g) + none / none


@faulty
def in_the_default_dtype(X: Tensor, K: Tensor, b: Tensor | None, g: Geometry) -> Tensor:
    return right(X, K, b, g).to(torch.get_default_dtype())
