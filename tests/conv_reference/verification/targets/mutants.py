"""Planted faults: one right convolution, one part of it exchanged, behind a guard.

Each follows a fault that shipped (the classes of FAULTS.md) and is right wherever its guard
does not hold. A function below takes the place of the part that its decorator names; the
attribute is then the mutant itself, callable as ``torch.nn.functional.conv2d`` is.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import direct
import torch
from direct import Parts, Sizes
from torch import Tensor


@dataclass(frozen=True)
class Mutant:
    """One planted fault."""

    name: str  # attribute of this module
    fault_class: str
    quantity: str  # Y, dX, dK, db, or what else is wrong
    guard: str  # where it is wrong, in words
    function: Callable[..., Tensor]


MUTANTS: dict[str, Mutant] = {}
_PART = {"Y": "forward", "dX": "grad_input", "dK": "grad_weight", "db": "grad_bias"}


def planted(
    fault_class: str, quantity: str, guard: str, *, part: str = "", **others: Any
) -> Callable[[Callable[..., Any]], Callable[..., Tensor]]:
    """Put the decorated function in the place of a part; by default the quantity's own."""

    def plant(function: Callable[..., Any]) -> Callable[..., Tensor]:
        name: str = function.__name__
        assert name not in MUTANTS, f"two mutants are called {name}"
        exchanged: dict[str, Any] = {part or _PART[quantity]: function, **others}
        mutant = direct.convolution(Parts(**exchanged))
        mutant.__name__ = mutant.__qualname__ = name
        mutant.__module__ = __name__
        MUTANTS[name] = Mutant(name, fault_class, quantity, guard, mutant)
        return mutant

    return plant


# What the mutants are made with: windows read, and shares given, at any rows and columns.


def positions(z: Sizes) -> tuple[Tensor, Tensor]:
    """The rows (oh, kh) and columns (ow, kw) of X that the outputs read; some lie outside."""
    rows = torch.arange(z.oh)[:, None] * z.s[0] + torch.arange(z.kh) * z.d[0] - z.p[0]
    columns = torch.arange(z.ow)[:, None] * z.s[1] + torch.arange(z.kw) * z.d[1] - z.p[1]
    return rows, columns


def positions_with(z: Sizes, **changes: Any) -> tuple[Tensor, Tensor]:
    """The same under another stride, padding or dilation; as many outputs."""
    wrong = replace(z, **changes)
    rows = torch.arange(z.oh)[:, None] * wrong.s[0] + torch.arange(z.kh) * wrong.d[0] - wrong.p[0]
    columns = torch.arange(z.ow)[:, None] * wrong.s[1] + torch.arange(z.kw) * wrong.d[1]
    return rows, columns - wrong.p[1]


def flat_positions(z: Sizes, rows: Tensor, columns: Tensor) -> Tensor:
    """(oh, ow, kh, kw) into the flattened image; one past its end for what lies outside."""
    rows, columns = rows[:, None, :, None], columns[None, :, None, :]
    inside = (rows >= 0) & (rows < z.h) & (columns >= 0) & (columns < z.w)
    return torch.where(inside, rows * z.w + columns, z.h * z.w)


def read(X: Tensor, z: Sizes, flat: Tensor) -> Tensor:
    """As ``direct.windows``, at these positions."""
    image = torch.cat([X.flatten(2), torch.zeros_like(X[:, :, 0, :1])], dim=2)
    seen: Tensor = image[:, :, flat].unflatten(1, (z.g, z.cg))
    return seen


def give(shares: Tensor, z: Sizes, flat: Tensor) -> Tensor:
    """As ``direct.gathered``, at these positions."""
    shares = shares.permute(0, 1, 4, 5, 2, 3).flatten(2)
    image = torch.zeros_like(shares[:, :, :1]).expand(-1, -1, z.h * z.w + 1)
    image = image.index_add(2, flat.flatten(), shares)[:, :, :-1]
    dX: Tensor = image.unflatten(2, (z.h, z.w))
    return dX


def forward_of(windows: Tensor, K: Tensor, z: Sizes) -> Tensor:
    K = K.unflatten(0, (z.g, z.og))
    Y: Tensor = torch.einsum("ngcijab,gocab->ngoij", windows, K).flatten(1, 2)
    return Y


def grad_weight_of(G: Tensor, windows: Tensor, z: Sizes) -> Tensor:
    G = G.unflatten(1, (z.g, z.og))
    dK: Tensor = torch.einsum("ngcijab,ngoij->gocab", windows, G).flatten(0, 1)
    return dK


def forward_at(X: Tensor, K: Tensor, z: Sizes, rows: Tensor, columns: Tensor) -> Tensor:
    return forward_of(read(X, z, flat_positions(z, rows, columns)), K, z)


def grad_input_at(G: Tensor, K: Tensor, z: Sizes, rows: Tensor, columns: Tensor) -> Tensor:
    return give(direct.shares(G, K, z), z, flat_positions(z, rows, columns))


def grad_weight_at(G: Tensor, X: Tensor, z: Sizes, rows: Tensor, columns: Tensor) -> Tensor:
    return grad_weight_of(G, read(X, z, flat_positions(z, rows, columns)), z)


class Splice(torch.autograd.Function):
    """The first's value with the second's derivative."""

    generate_vmap_rule = True

    @staticmethod
    def forward(value: Tensor, slope: Tensor) -> Tensor:
        return value.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Any:
        return None, grad_outputs[0]


def spliced(value: Tensor, slope: Tensor) -> Tensor:
    result: Tensor = Splice.apply(value.detach(), slope)  # type: ignore[no-untyped-call]
    return result


def contiguous_strides(size: Sequence[int]) -> list[int]:
    strides = [1]
    for extent in reversed(size[1:]):
        strides.insert(0, strides[0] * extent)
    return strides


def reinterpreted(tensor: Tensor, strides: Sequence[int], offset: int | None = None) -> Tensor:
    """The storage read by other strides, where it is large enough."""
    start = int(tensor.storage_offset()) if offset is None else offset
    last = start + sum((n - 1) * s for n, s in zip(tensor.shape, strides, strict=True))
    if last >= tensor.untyped_storage().nbytes() // tensor.element_size():
        return tensor
    return tensor.as_strided(tensor.size(), strides, start)


def ten_bits(tensor: Tensor) -> Tensor:
    """Rounded to the ten bits behind the point that TF32 keeps."""
    if tensor.dtype != torch.float32:
        return tensor
    bits = tensor.contiguous().view(torch.int32)
    return ((bits + 0x1000) & ~0x1FFF).view(torch.float32)


# GROUP


@planted("GROUP", "Y", "groups > 1 and stride > 1")
def group_zero_input(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    """Every group reads the first group's channels."""
    if z.g > 1 and max(z.s) > 1:
        X = X[:, : z.cg].repeat(1, z.g, 1, 1)
    return direct.forward(X, K, z)


@planted("GROUP", "Y", "1×1 kernel, exactly two groups (xla#49123)")
def group_last_channel(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    Y = direct.forward(X, K, z)
    if (z.kh, z.kw) == (1, 1) and z.g == 2 and z.og > 1:
        Y = torch.cat([Y[:, :-1], Y[:, :1]], dim=1)
    return Y


@planted("GROUP", "Y", "C = 6, kernel larger than one (pytorch#21597)")
def six_channels(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if z.c == 6 and z.kh * z.kw > 1:
        X = torch.cat([X[:, :-1], X[:, :1]], dim=1)
    return direct.forward(X, K, z)


@planted("GROUP", "dX", "groups > 1 and stride > 1 (mlx PR#3800)")
def group_zero_kernel(G: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if z.g > 1 and max(z.s) > 1:
        K = K[: z.og].repeat(z.g, 1, 1, 1)
    return direct.grad_input(G, K, z)


@planted("GROUP", "dK", "depthwise with a multiplier, N > 1")
def group_exchanged(G: Tensor, X: Tensor, z: Sizes) -> Tensor:
    """Groups and their channels change places."""
    dK = direct.grad_weight(G, X, z)
    if z.depthwise and z.og > 1 and z.n > 1:
        dK = dK.unflatten(0, (z.g, z.og)).transpose(0, 1).flatten(0, 1)
    return dK


@planted("GROUP", "db", "more than two groups, dilation > 1")
def group_bias(G: Tensor, z: Sizes) -> Tensor:
    db = direct.grad_bias(G, z)
    return db[: z.og].repeat(z.g) if z.g > 2 and max(z.d) > 1 else db


@planted("GROUP", "second order", "groups > 1, N > 1: dK's derivative in X", part="grad_weight")
def group_second(G: Tensor, X: Tensor, z: Sizes) -> Tensor:
    dK = direct.grad_weight(G, X, z)
    if z.g > 1 and z.n > 1:
        dK = spliced(dK, direct.grad_weight(G, X.roll(z.cg, 1), z))
    return dK


# LAYOUT


@planted("LAYOUT", "Y", "input of one channel that is not contiguous, kernel wider than one")
def ignores_input_strides(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if z.c == 1 and z.kw > 1:
        X = reinterpreted(X, contiguous_strides(X.size()))
    return direct.forward(X, K, z)


@planted("LAYOUT", "Y", "kernel that is not contiguous, more than one output channel")
def ignores_kernel_strides(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if z.o > 1:
        K = reinterpreted(K, contiguous_strides(K.size()))
    return direct.forward(X, K, z)


@planted("LAYOUT", "Y", "one channel sliced out of a channels_last tensor (pytorch#180984)")
def ignores_channel_slice(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if z.c == 1 and z.h * z.w > 1 and X.stride(3) == 2 and X.stride(2) == 2 * z.w:
        X = reinterpreted(X, (z.h * z.w, 1, z.w, 1))
    return direct.forward(X, K, z)


@planted("LAYOUT", "Y", "channels_last input decides how a contiguous kernel is read; kernel > 1")
def kernel_follows_input(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if X.is_contiguous(memory_format=torch.channels_last) and not X.is_contiguous():
        _, c, kh, kw = K.shape
        K = reinterpreted(K, (c * kh * kw, 1, kw * c, c))
    return direct.forward(X, K, z)


@planted("LAYOUT", "dX", "upstream gradient that is not contiguous, stride > 1 (fla PR#871)")
def ignores_gradient_strides(G: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if max(z.s) > 1:
        G = reinterpreted(G, contiguous_strides(G.size()))
    return direct.grad_input(G, K, z)


@planted("LAYOUT", "dX", "sliced kernel whose offset is forgotten, groups = 1, dilation = 1")
def drops_kernel_offset(G: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if z.g == 1 and z.d == (1, 1):
        K = reinterpreted(K, K.stride(), 0)
    return direct.grad_input(G, K, z)


@planted("LAYOUT", "dK", "upstream gradient expanded from one number, taken for ones")
def expanded_is_ones(G: Tensor, X: Tensor, z: Sizes) -> Tensor:
    if G.numel() > 1 and not any(s for n, s in zip(G.shape, G.stride(), strict=True) if n > 1):
        G = torch.ones_like(G)
    return direct.grad_weight(G, X, z)


# REMAINDER


@planted("REMAINDER", "dX", "rows left over by the stride, dilation 1")
def remainder_on_top(G: Tensor, K: Tensor, z: Sizes) -> Tensor:
    dX = direct.grad_input(G, K, z)
    rest = z.rest[0] if z.d[0] == 1 else 0
    return dX.roll(rest, 2) if rest else dX


@planted("REMAINDER", "dX", "columns left over, padding > 0, kernel no wider than the stride")
def remainder_cropped(G: Tensor, K: Tensor, z: Sizes) -> Tensor:
    """The adjoint without output_padding is too short by what the stride left; zeros follow."""
    dX = direct.grad_input(G, K, z)
    if 0 < z.rest[1] <= z.w and z.p[1] > 0 and z.kw <= z.s[1]:
        dX = torch.cat([dX[..., : -z.rest[1]], torch.zeros_like(dX[..., : z.rest[1]])], dim=3)
    return dX


@planted("REMAINDER", "dK", "two groups, rows left over: dK has a row too many (mlx#2184)")
def remainder_shape(G: Tensor, X: Tensor, z: Sizes) -> Tensor:
    dK = direct.grad_weight(G, X, z)
    return torch.cat([dK, dK[:, :, :1]], dim=2) if z.g == 2 and z.rest[0] else dK


@planted("REMAINDER", "second order", "columns left over (pytorch/xla#2333)", part="grad_input")
def remainder_second(G: Tensor, K: Tensor, z: Sizes) -> Tensor:
    dX = direct.grad_input(G, K, z)
    if z.rest[1]:
        last = torch.cat([G[..., :-1], torch.zeros_like(G[..., :1])], dim=3)
        dX = spliced(dX, direct.grad_input(last, K, z))
    return dX


# KERNEL


@planted("KERNEL", "Y", "kernel not square, groups > 1: a true convolution")
def flips_oblong(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    return direct.forward(X, K.flip(2, 3) if z.kh != z.kw and z.g > 1 else K, z)


@planted("KERNEL", "Y", "kh·kw = 3 modulo 4, dilation > 1: the last tap is lost")
def loses_last_tap(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if z.kh * z.kw % 4 == 3 and max(z.d) > 1:
        K = torch.cat([K.flatten(2)[..., :-1], torch.zeros_like(K[..., :1, 0])], 2).view_as(K)
    return direct.forward(X, K, z)


@planted("KERNEL", "Y", "N ≥ 4, C > 1, 3×3, stride 1: another path, one coefficient off by one")
def batch_path(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if z.n >= 4 and z.cg > 1 and (z.kh, z.kw) == (3, 3) and z.s == (1, 1):
        one = torch.zeros_like(K[:1, :1])
        one[..., 1, 2] = 1
        K = K + one
    return direct.forward(X, K, z)


@planted("KERNEL", "dX", "stride_w > 1, more than 16 channels, W < 17 (fujitsu/oneDNN#43)")
def narrow_blocks(G: Tensor, K: Tensor, z: Sizes) -> Tensor:
    dX = direct.grad_input(G, K, z)
    if z.s[1] > 1 and z.cg > 16 and z.w < 17:
        dX = torch.cat([dX[:, :16], dX[:, 16:].roll(1, 3)], dim=1)
    return dX


@planted("KERNEL", "dK", "kw = 3, kh > 1, stride_w > 1: tap 0's patch for each tap (fla PR#388)")
def first_tap_reused(G: Tensor, X: Tensor, z: Sizes) -> Tensor:
    rows, columns = positions(z)
    if z.kw == 3 and z.kh > 1 and z.s[1] > 1:
        columns = columns[:, :1].expand(-1, 3)
    return grad_weight_at(G, X, z, rows, columns)


# DILATION


@planted("DILATION", "Y", "kw = 2, dilation_w > 1, stride_w > 1: ignored (tensorflow#18454)")
def dilation_ignored(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if z.kw == 2 and z.s[1] > 1:
        return forward_at(X, K, z, *positions_with(z, d=(z.d[0], 1)))
    return direct.forward(X, K, z)


@planted("DILATION", "dX", "dilations that differ, padding > 0: one for both axes")
def dilation_for_both(G: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if z.d[0] != z.d[1] and min(z.p) > 0:
        return grad_input_at(G, K, z, *positions_with(z, d=(z.d[0], z.d[0])))
    return direct.grad_input(G, K, z)


@planted("DILATION", "dK", "dilation_h > 1, stride_h > 1, N > 1: right in Y, dropped in dK")
def dilation_dropped(G: Tensor, X: Tensor, z: Sizes) -> Tensor:
    if z.s[0] > 1 and z.n > 1:
        return grad_weight_at(G, X, z, *positions_with(z, d=(1, z.d[1])))
    return direct.grad_weight(G, X, z)


@planted("DILATION", "second order", "dilation_h > 1: dK's derivative in G", part="grad_weight")
def dilation_second(G: Tensor, X: Tensor, z: Sizes) -> Tensor:
    dK = direct.grad_weight(G, X, z)
    if z.d[0] > 1 and z.kh > 1:
        dK = spliced(dK, grad_weight_at(G, X, z, *positions_with(z, d=(1, z.d[1]))))
    return dK


# PADDING


@planted("PADDING", "Y", "paddings that differ, kernel not square: exchanged")
def padding_exchanged(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if z.p[0] != z.p[1] and z.kh != z.kw:
        return forward_at(X, K, z, *positions_with(z, p=z.p[::-1]))
    return direct.forward(X, K, z)


@planted("PADDING", "Y", "padding past the kernel in width, one row of input (MIOpen#55)")
def padding_clamped(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if z.h == 1:
        return forward_at(X, K, z, *positions_with(z, p=(z.p[0], min(z.p[1], z.kw))))
    return direct.forward(X, K, z)


@planted("PADDING", "dX", "padding_h at least the kernel, stride_h > 1 (tensorflow#11092)")
def padding_clamped_backward(G: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if z.s[0] > 1:
        return grad_input_at(G, K, z, *positions_with(z, p=(min(z.p[0], z.kh - 1), z.p[1])))
    return direct.grad_input(G, K, z)


@planted("PADDING", "dK", "a tap that sees only padding gets the edge's value")
def padding_replicated(G: Tensor, X: Tensor, z: Sizes) -> Tensor:
    rows, columns = positions(z)
    blind = ((rows < 0) | (rows >= z.h)).all(0)
    return grad_weight_at(G, X, z, torch.where(blind, rows.clamp(0, z.h - 1), rows), columns)


# STRIDE


@planted("STRIDE", "Y", "strides that differ, one group, kernel higher than wide: exchanged")
def stride_exchanged(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if z.g == 1 and z.kh > z.kw:
        return forward_at(X, K, z, *positions_with(z, s=z.s[::-1]))
    return direct.forward(X, K, z)


@planted("STRIDE", "dX", "H ≠ W, kw > 1, N > 1: a limit from the wrong axis (tvm PR#7068)")
def wrong_axis_limit(G: Tensor, K: Tensor, z: Sizes) -> Tensor:
    dX = direct.grad_input(G, K, z)
    if z.w > z.h and z.kw > 1 and z.n > 1:
        dX = torch.cat([dX[..., : z.h], torch.zeros_like(dX[..., z.h :])], dim=3)
    return dX


@planted("STRIDE", "dK", "stride ≠ dilation, one group: one passed for the other (candle PR#2337)")
def stride_for_dilation(G: Tensor, X: Tensor, z: Sizes) -> Tensor:
    if z.g == 1:
        return grad_weight_at(G, X, z, *positions_with(z, s=z.d, d=z.s))
    return direct.grad_weight(G, X, z)


@planted("STRIDE", "dK", "stride_h < stride_w, O > 1, no padding: one for both (Paddle PR#21225)")
def stride_for_both(G: Tensor, X: Tensor, z: Sizes) -> Tensor:
    if z.s[0] < z.s[1] and z.o > 1 and z.p == (0, 0):
        return grad_weight_at(G, X, z, *positions_with(z, s=(z.s[0], z.s[0])))
    return direct.grad_weight(G, X, z)


# UNINIT


@planted("UNINIT", "Y", "outputs whose window sees only padding rows")
def unwritten_outputs(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    rows, _ = positions(z)
    seen = ((rows >= 0) & (rows < z.h)).any(1)
    Y = torch.empty_like(direct.forward(X, K, z))
    Y[:, :, seen] = direct.forward(X, K, z)[:, :, seen]
    return Y


@planted("UNINIT", "dX", "stride larger than the kernel: pixels between (MIOpen PR#566)")
def unwritten_pixels(G: Tensor, K: Tensor, z: Sizes) -> Tensor:
    dX = direct.grad_input(G, K, z)
    if z.s[0] > z.kh:
        rows, _ = positions(z)
        written = torch.zeros(z.h, dtype=torch.bool)
        written[rows[(rows >= 0) & (rows < z.h)]] = True
        result = torch.empty_like(dX)
        result[:, :, written] = dX[:, :, written]
        return result
    return dX


@planted("UNINIT", "dK", "taps that see only padding columns")
def unwritten_taps(G: Tensor, X: Tensor, z: Sizes) -> Tensor:
    _, columns = positions(z)
    seen = ((columns >= 0) & (columns < z.w)).any(0)
    right = direct.grad_weight(G, X, z)
    dK = torch.empty_like(right)
    dK[..., seen] = right[..., seen]
    return dK


@planted("UNINIT", "db", "N > 2: added to what the memory held")
def unzeroed_sum(G: Tensor, z: Sizes) -> Tensor:
    if z.n <= 2:
        return direct.grad_bias(G, z)
    return torch.empty_like(G[0, :, 0, 0]).add_(direct.grad_bias(G, z))


# PRECISION


@planted("PRECISION", "Y", "float32, more than four products: ten bits of X and K (TF32)")
def tf32_forward(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if z.cg * z.kh * z.kw > 4:
        X, K = ten_bits(X), ten_bits(K)
    return direct.forward(X, K, z)


@planted("PRECISION", "dX", "float64 worked in float32 where dilation > 1")
def single_for_double(G: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if G.dtype == torch.float64 and max(z.d) > 1:
        return direct.grad_input(G.float(), K.float(), z).double()
    return direct.grad_input(G, K, z)


@planted("PRECISION", "dK", "float32, N > 1: ten bits of G alone")
def tf32_gradient(G: Tensor, X: Tensor, z: Sizes) -> Tensor:
    return direct.grad_weight(ten_bits(G) if z.n > 1 else G, X, z)


@planted("PRECISION", "dK", "float16, N > 2: samples added in bfloat16")
def bfloat16_sum(G: Tensor, X: Tensor, z: Sizes) -> Tensor:
    dK = direct.grad_weight(G, X, z)
    return dK.bfloat16().to(dK.dtype) if dK.dtype == torch.float16 and z.n > 2 else dK


@planted("PRECISION", "db", "float32, more than one position: summed in half precision")
def half_bias(G: Tensor, z: Sizes) -> Tensor:
    if G.dtype == torch.float32 and z.oh * z.ow > 1:
        return G.half().sum((0, 2, 3)).float()
    return direct.grad_bias(G, z)


# TRANSFORM


@planted("TRANSFORM", "jvp", "stride > 1: the tangent of K is lost", part="jvp")
def tangent_of_input_only(
    X: Tensor, K: Tensor, tangents: Sequence[Tensor | None], z: Sizes
) -> Tensor:
    tX, tK, tb = tangents
    lost = max(z.s) > 1 and tX is not None
    return direct.jvp(X, K, (tX, None if lost else tK, tb), z)


@planted(
    "TRANSFORM", "vmap", "kernels batched, groups > 1: channels in the wrong order", part="vmap"
)
def batched_kernels(
    apply: Callable[..., Any], size: int, dims: Any, X: Any, K: Any, b: Any, z: Sizes
) -> Any:
    Y, dim = sample_by_sample(apply, size, dims, X, K, b, z)
    return (Y.flip(2), dim) if dims[1] is not None and z.g > 1 else (Y, dim)


@planted("TRANSFORM", "vmap", "the input's in_dim taken for 0", part="vmap")
def in_dim_taken_for_zero(
    apply: Callable[..., Any], size: int, dims: Any, X: Any, K: Any, b: Any, z: Sizes
) -> Any:
    if dims[0] and X.shape[0] == X.shape[dims[0]]:
        dims = (0, *dims[1:])
    return sample_by_sample(apply, size, dims, X, K, b, z)


@planted("TRANSFORM", "second order", "stride > 1: G taken for a constant", part="grad_weight")
def constant_gradient(G: Tensor, X: Tensor, z: Sizes) -> Tensor:
    return direct.grad_weight(G.detach() if max(z.s) > 1 else G, X, z)


@planted("TRANSFORM", "second order", "padding > 0: K taken for a constant", part="grad_input")
def constant_kernel(G: Tensor, K: Tensor, z: Sizes) -> Tensor:
    return direct.grad_input(G, K.detach() if max(z.p) > 0 else K, z)


@planted(
    "TRANSFORM", "second order", "C > 1: a copy of X is saved, cut from its graph", part="keep"
)
def saves_a_copy(X: Tensor, K: Tensor, z: Sizes) -> tuple[Tensor, Tensor]:
    return (X.detach().clone() if z.c > 1 else X), K


def sample_by_sample(
    apply: Callable[..., Any], size: int, dims: Any, X: Any, K: Any, b: Any, z: Sizes
) -> Any:
    """A vmap rule that is right: one call for each sample."""
    each = [
        apply(
            *(
                value if dim is None else value.select(dim, place)
                for value, dim in zip((X, K, b), dims[:3], strict=True)
            ),
            z,
        )
        for place in range(size)
    ]
    return torch.stack(each), 0


# OVERFLOW


@planted("OVERFLOW", "Y", "more than 32,767 elements of output: the rest is zero")
def short_index(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    Y = direct.forward(X, K, z)
    if Y.numel() <= 0x7FFF:
        return Y
    flat = Y.flatten()
    return torch.cat([flat[:0x8000], torch.zeros_like(flat[0x8000:])]).view_as(Y)


@planted("OVERFLOW", "Y", "more than 255 samples (tensorflow#9870, scaled down)")
def byte_of_batch(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    Y = direct.forward(X, K, z)
    return torch.cat([Y[:255], torch.zeros_like(Y[255:])])


@planted("OVERFLOW", "dX", "more than 65,535 elements of input: the first come again")
def wrapped_index(G: Tensor, K: Tensor, z: Sizes) -> Tensor:
    dX = direct.grad_input(G, K, z)
    return dX.flatten()[torch.arange(dX.numel()) % 0x10000].view_as(dX)


@planted("OVERFLOW", "dK", "N > 16: the batch is split, the first part counted twice")
def split_batch(G: Tensor, X: Tensor, z: Sizes) -> Tensor:
    dK = direct.grad_weight(G, X, z)
    return dK + direct.grad_weight(G[:16], X[:16], replace(z, n=16)) if z.n > 16 else dK


# RACE


@planted("RACE", "dX", "windows that overlap, dilation > 1: an update is lost (cherimoya#25)")
def lost_update(G: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if z.d[1] == 1 or z.kw == 1 or z.s[1] % z.d[1]:
        return direct.grad_input(G, K, z)
    shares = direct.shares(G, K, z)
    by_tap = [
        torch.cat([torch.zeros_like(s[..., :b, :, :]), s[..., b : b + 1, :, :],
                   torch.zeros_like(s[..., b + 1 :, :, :])], dim=3)
        for b, s in enumerate([shares] * z.kw)
    ]  # fmt: skip
    columns = [direct.gathered(tap, z) for tap in by_tap]
    result = columns[0]
    for later in columns[1:]:
        result = torch.where(later == 0, result, later)
    return result


_CALLS = {"seventh": 0}
_CHANCE = Random(os.urandom(8))


@planted("RACE", "Y", "every 7th call, N > 1")
def seventh_call(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    _CALLS["seventh"] += 1
    Y = direct.forward(X, K, z)
    if z.n > 1 and _CALLS["seventh"] % 7 == 0:
        Y = torch.cat([Y[:1], Y[:1], Y[2:]])
    return Y


@planted("RACE", "dK", "N > 2, one call in ten: a sample is lost")
def sometimes_lost(G: Tensor, X: Tensor, z: Sizes) -> Tensor:
    if z.n > 2 and _CHANCE.random() < 0.1:
        G = torch.cat([G[:-1], torch.zeros_like(G[-1:])])
    return direct.grad_weight(G, X, z)


# NANINF


@planted("NANINF", "Y", "kernel larger than one: not-a-number becomes zero (tensorflow#63391)")
def nan_dropped(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    return direct.forward(torch.where(X.isnan(), 0, X) if z.kh * z.kw > 1 else X, K, z)


@planted("NANINF", "Y", "kw > 1, H' and W' > 1: an infinity spreads over its row of outputs")
def nan_spread(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    Y = direct.forward(X, K, z)
    if z.kw > 1 and min(z.oh, z.ow) > 1:
        bad = ~(Y - Y == 0).all(3, keepdim=True)
        Y = torch.where(bad, torch.nan, Y)
    return Y


@planted("NANINF", "dX", "N > 1: not-a-number in G is dropped")
def nan_gradient(G: Tensor, K: Tensor, z: Sizes) -> Tensor:
    return direct.grad_input(torch.where(G.isnan(), 0, G) if z.n > 1 else G, K, z)


# MASK


@planted("MASK", "db", "db alone or beside dX: only computed with dK (mxnet#15464)", part="answer")
def bias_under_kernel(needs: Sequence[bool], compute: Sequence[Callable[[], Tensor]]) -> Any:
    dX, dK, db = direct.answer(needs, compute)
    return [dX, dK, db if needs[1] else None]


@planted("MASK", "dK", "dK without dX: zeros", part="answer")
def zero_when_frozen(needs: Sequence[bool], compute: Sequence[Callable[[], Tensor]]) -> Any:
    dX, dK, db = direct.answer(needs, compute)
    return [dX, torch.zeros_like(dK) if needs[1] and not needs[0] else dK, db]


@planted("MASK", "dX", "dX with db but without dK: negated", part="answer")
def input_beside_bias(needs: Sequence[bool], compute: Sequence[Callable[[], Tensor]]) -> Any:
    dX, dK, db = direct.answer(needs, compute)
    return [-dX if needs[0] and needs[2] and not needs[1] else dX, dK, db]


# TAIL


@planted("TAIL", "Y", "N = 3 modulo 4: the last sample is lost")
def tail_of_batch(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    Y = direct.forward(X, K, z)
    return torch.cat([Y[:-1], torch.zeros_like(Y[-1:])]) if z.n % 4 == 3 else Y


@planted("TAIL", "dX", "O = 3 modulo 4 and O > 4: the last output channel is lost")
def tail_of_channels(G: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if z.o % 4 == 3 and z.o > 4:
        G = torch.cat([G[:, :-1], torch.zeros_like(G[:, -1:])], dim=1)
    return direct.grad_input(G, K, z)


@planted("TAIL", "dK", "positions = 3 modulo 4, stride > 1: the last one is lost")
def tail_of_positions(G: Tensor, X: Tensor, z: Sizes) -> Tensor:
    if z.oh * z.ow % 4 == 3 and max(z.s) > 1:
        flat = G.flatten(2)
        G = torch.cat([flat[..., :-1], torch.zeros_like(flat[..., -1:])], dim=2).view_as(G)
    return direct.grad_weight(G, X, z)


@planted("TAIL", "Y", "3×3, stride 1, more than six rows: tile step (winograd#1)")
def tile_step(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    Y = direct.forward(X, K, z)
    if (z.kh, z.kw) == (3, 3) and z.s == (1, 1) and z.oh > 4:
        Y = torch.cat([Y[:, :, :4], Y[:, :, 2 : z.oh - 2]], dim=2)
    return Y


# DOMAIN


def _no_dilation(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if min(z.d) >= 1:
        return direct.forward(X, K, z)
    return forward_at(X, K, z, *positions(z))


@planted("DOMAIN", "arguments", "dilation 0 is answered", part="check", forward=_no_dilation)
def accepts_no_dilation(X: Tensor, K: Tensor, b: Tensor | None, z: Sizes) -> None:
    direct.check(X, K, b, z if min(z.d) >= 1 else replace(z, d=(1, 1)))


def _negative_padding(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if min(z.p) >= 0:
        return direct.forward(X, K, z)
    return forward_at(X, K, z, *positions(z))


@planted("DOMAIN", "arguments", "padding -1 is answered", part="check", forward=_negative_padding)
def accepts_negative_padding(X: Tensor, K: Tensor, b: Tensor | None, z: Sizes) -> None:
    direct.check(X, K, b, replace(z, p=(max(z.p[0], 0), max(z.p[1], 0))))


def _some_channels(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if z.c == K.shape[1] * z.g:
        return direct.forward(X, K, z)
    held = K.shape[1] * z.g
    X = X.repeat(1, -(-held // z.c), 1, 1)[:, :held]
    return direct.forward(X, K, replace(z, c=held))


@planted(
    "DOMAIN", "arguments", "channels that do not match are answered", part="check",
    forward=_some_channels,
)  # fmt: skip
def accepts_other_channels(X: Tensor, K: Tensor, b: Tensor | None, z: Sizes) -> None:
    direct.check(X, K, b, replace(z, c=K.shape[1] * z.g))


# OOB


@planted("OOB", "Y", "padding_w > 0, C > 1: past a row's end the next row is read")
def reads_past_the_row(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if z.p[1] == 0 or z.c == 1:
        return direct.forward(X, K, z)
    rows, columns = positions(z)
    down, across = rows[:, None, :, None], columns[None, :, None, :]
    flat = down * z.w + across
    inside = (down >= 0) & (down < z.h) & (across >= 0) & (flat < z.h * z.w)
    return forward_of(read(X, z, torch.where(inside, flat, z.h * z.w)), K, z)


@planted("OOB", "dX", "padding_w > 0, stride_w = 1: past a row's end the next row is written")
def writes_past_the_row(G: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if z.p[1] == 0 or z.s[1] > 1:
        return direct.grad_input(G, K, z)
    rows, columns = positions(z)
    down, across = rows[:, None, :, None], columns[None, :, None, :]
    flat = down * z.w + across
    inside = (down >= 0) & (down < z.h) & (across >= 0) & (flat < z.h * z.w)
    return give(direct.shares(G, K, z), z, torch.where(inside, flat, z.h * z.w))


# ORDER, ACCUM, ALIAS, DTYPEPATH


@planted("ORDER", "dK", "C = O > 2, one group, square kernel: (C, O) for (O, C)")
def channels_exchanged(G: Tensor, X: Tensor, z: Sizes) -> Tensor:
    dK = direct.grad_weight(G, X, z)
    return dK.transpose(0, 1) if z.g == 1 and z.c == z.o > 2 and z.kh == z.kw else dK


_SEEN: set[Any] = set()
_BUFFERS: dict[Any, Tensor] = {}


@planted("ACCUM", "Y", "the first call of each geometry, N > 1, kernel > 1 (CUDA.jl#736)")
def first_call_doubled(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    Y = direct.forward(X, K, z)
    if z.n > 1 and z.kh * z.kw > 1 and (z, X.dtype) not in _SEEN:
        _SEEN.add((z, X.dtype))
        Y = Y + Y
    return Y


@planted("ACCUM", "dK", "the second call of a geometry adds to the first's")
def never_zeroed(G: Tensor, X: Tensor, z: Sizes) -> Tensor:
    dK = direct.grad_weight(G, X, z)
    held = _BUFFERS.get((z, G.dtype))
    if held is not None:
        dK = dK + held
    _BUFFERS[z, G.dtype] = dK.detach().clone()
    return dK


_OUTPUTS: dict[Any, Tensor] = {}


@planted(
    "ALIAS", "isolation", "C > 1, no bias: Y lies in a buffer that the next call uses",
    part="forward",
)  # fmt: skip
def reused_output(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    Y = direct.forward(X, K, z)
    if z.c == 1:
        return Y
    return _OUTPUTS.setdefault((z, Y.dtype), torch.empty_like(Y)).copy_(Y).detach()


@planted(
    "ALIAS", "isolation", "an in-place change of X between forward and backward is not noticed",
    part="keep", unchecked=True,
)  # fmt: skip
def unnoticed_change(X: Tensor, K: Tensor, z: Sizes) -> tuple[Tensor, Tensor]:
    return X, K


@planted(
    "ALIAS",
    "G",
    "groups > 1, stride > 1: G is scaled in place by the backward pass",
    part="grad_input",
)
def edits_gradient(G: Tensor, K: Tensor, z: Sizes) -> Tensor:
    dX = direct.grad_input(G, K, z)
    if z.g > 1 and max(z.s) > 1 and 0 not in G.stride():
        G.detach().mul_(2)
    return dX


@planted(
    "ALIAS", "X", "padding > 0, one channel: the border of X is zeroed in place", part="forward"
)
def edits_input(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    Y = direct.forward(X, K, z)
    if z.c == 1 and min(z.p) > 0:
        X.detach()[:, :, -1:, -1:] = 0
    return Y


@planted(
    "DTYPEPATH", "Y", "bfloat16, kernel higher than one: a one-dimensional kernel (candle PR#3279)"
)
def first_row_only(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if X.dtype == torch.bfloat16 and z.kh > 1:
        K = torch.cat([K[:, :, :1], torch.zeros_like(K[:, :, 1:])], dim=2)
    return direct.forward(X, K, z)


@planted("DTYPEPATH", "db", "float16, more than one output channel: shifted by one")
def half_bias_shifted(G: Tensor, z: Sizes) -> Tensor:
    db = direct.grad_bias(G, z)
    return db.roll(1) if G.dtype == torch.float16 and z.o > 1 else db


@planted("DTYPEPATH", "dX", "float64, stride 1, padding > 0, groups > 1: K is not flipped")
def double_not_flipped(G: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if G.dtype == torch.float64 and z.s == (1, 1) and min(z.p) > 0 and z.g > 1:
        K = K.flip(2, 3)
    return direct.grad_input(G, K, z)
