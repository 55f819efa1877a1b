"""The fast oracle: convolution as a sum over the kernel's taps, and its gradients in closed form.

Each tap (a, b) of the kernel meets the input shifted by that tap: a strided view. One matrix
product sums over taps and channels. Only views, products, matrix products and sums occur:
nobody's convolution, unfold included, is called. The gradients are the two adjoints of
that sum (Dumoulin and Visin, "A guide to convolution arithmetic for deep learning", 2016,
describe them as transposed convolutions); the second order follows from bilinearity.

Every function works on any device, in the dtype of its operands, floating or integer.
Float32 products follow torch's own setting (``torch.set_float32_matmul_precision``), so
judge others by float64, or by integers small enough to be exact.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
from jaxtyping import Num
from torch import Tensor
from torch.nn.functional import pad

from conv_reference import borders
from conv_reference.geometry import SHAPES, Geometry, PaddingLike, PairLike, Role, geometry_of

_FEW = 2**12  # products, up to which it is the calls that cost


def conv2d(
    input: Num[Tensor, "*n c h w"],
    weight: Num[Tensor, "o c_per_group kh kw"],
    bias: Num[Tensor, " channels"] | None = None,
    stride: PairLike = 1,
    padding: PaddingLike = 0,
    dilation: PairLike = 1,
    groups: int = 1,
) -> Num[Tensor, "*n o oh ow"]:
    """Y, with the signature of ``torch.nn.functional.conv2d``; autograd differentiates it.

    Args:
        input: X, (N, C, H, W) or, for a single sample, (C, H, W).
        weight: K, (O, C/groups, kh, kw), of the input's dtype and device.
        bias: one number for each output channel, or None.
        stride: at least 1.
        padding: at least 0, or ``"valid"`` or ``"same"``.
        dilation: at least 1.
        groups: at least 1; divides C and O.

    Raises:
        ValueError: when the operands do not fit each other or no convolution has these sizes.
        TypeError: when dtypes differ or are neither floating nor integer, or an option is
            not an integer.
    """
    if input.dim() == 3:
        return conv2d(input[None], weight, bias, stride, padding, dilation, groups)[0]
    geometry = geometry_of(
        input.shape,
        weight.shape,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
    )
    Y = output(input, weight, geometry)
    if bias is None:
        return Y
    _require("bias", bias, (geometry.out_channels,), like=input)
    return Y + bias[:, None, None]


def output(
    input: Num[Tensor, "n c h w"], weight: Num[Tensor, "o c_per_group kh kw"], geometry: Geometry
) -> Num[Tensor, "n o oh ow"]:
    """Y[n,o,i,j] = Σ_{c,a,b} K[o,c,a,b] · X[n, c, s·i + d·a - p, …], without a bias.

    Args:
        input: X, of shape ``geometry.input_shape``.
        weight: K, of shape ``geometry.weight_shape``.
        geometry: the sizes.

    Raises:
        ValueError: when an operand has another shape, or they lie on different devices.
        TypeError: when dtypes differ, or are neither floating nor integer.
    """
    _require("input", input, geometry.input_shape)
    _require("weight", weight, geometry.weight_shape, like=input)
    return _matmul(_kernel_matrix(weight, geometry), _patches(input, geometry)).reshape(
        geometry.output_shape
    )


def grad_input(
    grad_output: Num[Tensor, "n o oh ow"],
    weight: Num[Tensor, "o c_per_group kh kw"],
    geometry: Geometry,
) -> Num[Tensor, "n c h w"]:
    """dX, the adjoint of ``output`` in X: each tap adds Kᵀ·G where it read X.

    Args:
        grad_output: G, of shape ``geometry.output_shape``.
        weight: K, of shape ``geometry.weight_shape``.
        geometry: the sizes.

    Raises:
        ValueError, TypeError: as ``output`` does.
    """
    _require("grad_output", grad_output, geometry.output_shape)
    _require("weight", weight, geometry.weight_shape, like=grad_output)
    G = _upstream_matrix(grad_output, geometry)
    K = _kernel_matrix(weight, geometry)
    (kh, kw), (oh, ow) = geometry.kernel_size, geometry.output_size
    batch, channels = geometry.batch, geometry.in_channels
    taps = _matmul(K.transpose(-1, -2), G).reshape(batch, channels, kh, kw, oh, ow)
    padded = _added_where_read(taps, geometry)
    if geometry.padding_mode != "zeros":
        return borders.folded(padded, geometry.padding, geometry.padding_mode)
    (top, _), (left, _) = geometry.padding
    height, width = geometry.input_size
    return padded[:, :, top : top + height, left : left + width].contiguous()


def grad_weight(
    grad_output: Num[Tensor, "n o oh ow"], input: Num[Tensor, "n c h w"], geometry: Geometry
) -> Num[Tensor, "o c_per_group kh kw"]:
    """dK, the adjoint of ``output`` in K: each tap's product of G with what it read of X.

    Args:
        grad_output: G, of shape ``geometry.output_shape``.
        input: X, of shape ``geometry.input_shape``.
        geometry: the sizes.

    Raises:
        ValueError, TypeError: as ``output`` does.
    """
    _require("grad_output", grad_output, geometry.output_shape)
    _require("input", input, geometry.input_shape, like=grad_output)
    G = _upstream_matrix(grad_output, geometry)
    patches = _patches(input, geometry)
    by_sample = _matmul(G, patches.transpose(-1, -2))
    return by_sample.sum(0, dtype=by_sample.dtype).reshape(geometry.weight_shape)


def grad_bias(grad_output: Num[Tensor, "n o oh ow"]) -> Num[Tensor, " o"]:
    """db, the sum of G over samples and positions.

    Args:
        grad_output: G, (N, O, H', W').
    """
    return grad_output.sum((0, 2, 3), dtype=grad_output.dtype)


# The derivative of T(X, K, G) = ⟨G, Y(X, K)⟩ in each operand: a function of the other two.
FACES: Mapping[Role, tuple[Callable[[Tensor, Tensor, Geometry], Tensor], Role, Role]] = (
    MappingProxyType(
        {
            "grad_output": (output, "input", "weight"),
            "input": (grad_input, "grad_output", "weight"),
            "weight": (grad_weight, "grad_output", "input"),
        }
    )
)


def second_order(
    of: Role,
    operands: Mapping[Role, Tensor],
    directions: Mapping[Role, Tensor],
    geometry: Geometry,
) -> Tensor:
    """The derivative of Y, dX or dK along directions of X, K and G.

    By bilinearity it is the sum of the same function with one operand replaced by its
    direction: dY = Y(V, K) + Y(X, W) along V and W. Second derivatives do not depend on their
    order, so the same sum is the gradient, in the operand ``of``, of what the directions are
    upstream gradients of.

    Args:
        of: the operand whose gradient is differentiated: ``"grad_output"`` for Y, ``"input"``
            for dX, ``"weight"`` for dK.
        operands: X, K and G, as far as the sum reads them.
        directions: in which they move; none of ``of`` itself counts, and one that is not there
            stands still.
        geometry: the sizes.

    Raises:
        ValueError, TypeError: as ``output`` does.
    """
    function, left, right = FACES[of]
    total: Tensor | None = None
    for role in (left, right):
        if role in directions:
            moved = {**operands, role: directions[role]}
            term = function(moved[left], moved[right], geometry)
            total = term if total is None else total + term
    if total is not None:
        return total
    some = next(iter(operands.values()))
    return some.new_zeros(SHAPES[of](geometry))


@dataclass(frozen=True)
class DoubleBackward:
    """Gradients of ⟨V, dX⟩ + ⟨W, dK⟩ + ⟨v, db⟩ with respect to what the backward pass read."""

    grad_output: Num[Tensor, "n o oh ow"]  # with respect to G
    input: Num[Tensor, "n c h w"]  # with respect to X
    weight: Num[Tensor, "o c_per_group kh kw"]  # with respect to K


def double_backward(
    grad_output: Num[Tensor, "n o oh ow"],
    input: Num[Tensor, "n c h w"],
    weight: Num[Tensor, "o c_per_group kh kw"],
    geometry: Geometry,
    *,
    grad_grad_input: Num[Tensor, "n c h w"],
    grad_grad_weight: Num[Tensor, "o c_per_group kh kw"],
    grad_grad_bias: Num[Tensor, " o"] | None = None,
) -> DoubleBackward:
    """The second order: what a double backward pass hands back.

    By bilinearity ⟨V, dX⟩ = ⟨G, Y(V, K)⟩ and ⟨W, dK⟩ = ⟨G, Y(X, W)⟩, so each term is
    again one of the functions above: see ``second_order``.

    Args:
        grad_output: G, of shape ``geometry.output_shape``.
        input: X, of shape ``geometry.input_shape``.
        weight: K, of shape ``geometry.weight_shape``.
        geometry: the sizes.
        grad_grad_input: V, the upstream gradient of dX.
        grad_grad_weight: W, the upstream gradient of dK.
        grad_grad_bias: v, the upstream gradient of db, or None without a bias.

    Raises:
        ValueError, TypeError: as ``output`` does.
    """
    operands: Mapping[Role, Tensor] = {"input": input, "weight": weight, "grad_output": grad_output}
    directions: Mapping[Role, Tensor] = {"input": grad_grad_input, "weight": grad_grad_weight}
    with_respect_to_G = second_order("grad_output", operands, directions, geometry)
    if grad_grad_bias is not None:
        _require("grad_grad_bias", grad_grad_bias, (geometry.out_channels,), like=grad_output)
        with_respect_to_G = with_respect_to_G + grad_grad_bias[:, None, None]
    return DoubleBackward(
        grad_output=with_respect_to_G,
        input=second_order("input", operands, directions, geometry),
        weight=second_order("weight", operands, directions, geometry),
    )


def _added_where_read(taps: Tensor, geometry: Geometry) -> Tensor:
    """The padded input's gradient: products (N, C, kh, kw, H', W'), added where their taps read."""
    batch, channels, kh, kw, oh, ow = taps.shape
    height, width = geometry.padded_size
    if taps.numel() <= _FEW and taps.is_cpu:  # it is the calls that cost: all places in one
        places = _windows(torch.arange(height * width).reshape(height, width), geometry)
        planes = taps.new_zeros(batch * channels, height * width)
        products = taps.reshape(batch * channels, kh * kw * oh * ow)
        planes.index_add_(1, places.reshape(-1), products)
        return planes.reshape(batch, channels, height, width)
    # Along one axis and then the other: kh + kw sums, not kh·kw.
    down, across = _read(geometry)
    columns = taps.new_zeros(batch, channels, kw, height, ow)
    for a, rows in enumerate(down):
        columns[..., rows, :].add_(taps[:, :, a])
    padded = taps.new_zeros(batch, channels, height, width)
    for b, reading in enumerate(across):
        padded[..., reading].add_(columns[:, :, b])
    return padded


def _windows(padded: Tensor, geometry: Geometry) -> Tensor:
    """What each tap reads for each output: X[n, c, s·i + d·a, …] at [n, c, a, b, i, j], a view.

    Args:
        padded: planes of the padded input's size, (..., H, W).
        geometry: the sizes.
    """
    (sh, sw), (dh, dw) = geometry.stride, geometry.dilation
    *lead, row, column = padded.stride()
    return padded.as_strided(
        (*padded.shape[:-2], *geometry.kernel_size, *geometry.output_size),
        (*lead, dh * row, dw * column, sh * row, sw * column),
    )


def _read(geometry: Geometry) -> tuple[list[slice], list[slice]]:
    """The rows of the padded input that each row of the kernel reads; so for the columns."""
    rows, columns = (
        [geometry.read_by(axis, tap) for tap in range(geometry.kernel_size[axis])]
        for axis in (0, 1)
    )
    return rows, columns


def _outputs(geometry: Geometry) -> int:
    return geometry.output_size[0] * geometry.output_size[1]


def _patches(input: Tensor, geometry: Geometry) -> Tensor:
    """What each output position reads: (N, groups, C/groups · kh · kw, H' · W')."""
    (kh, kw), (oh, ow) = geometry.kernel_size, geometry.output_size
    read = _windows(bordered(input, geometry), geometry)  # the reshape copies it
    return read.reshape(
        geometry.batch, geometry.groups, geometry.group_channels[0] * kh * kw, oh * ow
    )


def bordered(input: Tensor, geometry: Geometry) -> Tensor:
    """The input with its padding, along the last two dimensions.

    Args:
        input: (..., H, W).
        geometry: its padding and its padding mode.
    """
    if geometry.padding_mode != "zeros":
        return borders.padded(input, geometry.padding, geometry.padding_mode)
    (top, bottom), (left, right) = geometry.padding
    # A copy where nothing is padded, too: windows are views, and through a view of what repeats
    # itself (an expanded image) torch averages the gradient over the repetitions.
    return pad(input, (left, right, top, bottom))


def _kernel_matrix(weight: Tensor, geometry: Geometry) -> Tensor:
    """K as (groups, O/groups, C/groups · kh · kw)."""
    _, group_channels, kh, kw = geometry.weight_shape
    return weight.reshape(geometry.groups, geometry.group_channels[1], group_channels * kh * kw)


def _upstream_matrix(grad_output: Tensor, geometry: Geometry) -> Tensor:
    """G as (N, groups, O/groups, oh · ow)."""
    return grad_output.reshape(
        geometry.batch, geometry.groups, geometry.group_channels[1], _outputs(geometry)
    )


def _matmul(left: Tensor, right: Tensor) -> Tensor:
    if left.is_floating_point() or left.device.type == "cpu":
        return left @ right
    return products_summed(left, right)


def products_summed(left: Tensor, right: Tensor) -> Tensor:
    """``left @ right`` where accelerators have no integer matrix product."""
    return (left[..., :, :, None] * right[..., None, :, :]).sum(-2, dtype=left.dtype)


def _require(
    name: str, tensor: Tensor, shape: tuple[int, ...], *, like: Tensor | None = None
) -> None:
    if tuple(tensor.shape) != shape:
        raise ValueError(f"{name} must have shape {shape}, got {tuple(tensor.shape)}")
    if tensor.is_complex() or tensor.dtype == torch.bool:
        raise TypeError(f"{name} must be floating or integer, got {tensor.dtype}")
    if like is not None and tensor.dtype != like.dtype:
        raise TypeError(
            f"{name} must have the other operand's dtype {like.dtype}, got {tensor.dtype}"
        )
    if like is not None and tensor.device != like.device:
        raise ValueError(
            f"{name} must be on the other operand's device {like.device}, got {tensor.device}"
        )
