"""Faults of transposed convolutions: of their output padding, their sizes and their own layout.

In the sizes of each, c, h and w are Y's, and ``rest`` is the output padding: see
``faults.transposed``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from conv_reference.verification.faults import direct
from conv_reference.verification.faults.direct import Pair, Sizes
from conv_reference.verification.faults.planted.layout import contiguous_strides, reinterpreted
from conv_reference.verification.faults.planted.transform import sample_by_sample
from conv_reference.verification.faults.planting import FaultClass
from conv_reference.verification.faults.splice import spliced
from conv_reference.verification.faults.transposed import (
    check,
    gathered,
    gathered_at,
    grad_weight,
    grad_weight_at,
    jvp,
    spread,
    spread_at,
)
from conv_reference.verification.faults.windows import positions, positions_with

_OPERATOR = "conv_transpose2d"
extra = FaultClass(
    "OUTPUT_PADDING", "Output padding ignored, on the wrong side, or lost in a gradient", _OPERATOR
)
turned = FaultClass(
    "TURNED", "A kernel turned where it is not to be, or not where it is", _OPERATOR
)
channels = FaultClass("IN_OUT", "Channels in and out, and groups, in each other's place", _OPERATOR)
cropped = FaultClass("CROPPED", "Padding that is not what is cropped from the output", _OPERATOR)
spaced = FaultClass("SPACED", "Stride and dilation exchanged, ignored or miscounted", _OPERATOR)
derived = FaultClass("DERIVED", "Rules for forward mode, vmap and double backward", _OPERATOR)
held = FaultClass("HELD", "Memory, dtypes and numbers that are no numbers", _OPERATOR)
accepted = FaultClass("ACCEPTED", "Arguments for which there is none, answered", _OPERATOR)


def _without_rest(image: Tensor, z: Sizes) -> Tensor:
    """Zeros in the rows and columns of the output padding."""
    kept = torch.zeros_like(image)
    kept[:, :, : z.h - z.rest[0], : z.w - z.rest[1]] = 1
    return image * kept


@extra("Y", "output padding > 0: zeros there", thread="torch-mlir PR#2026", about="output_padding")
def output_padding_of_zeros(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    return _without_rest(spread(X, K, z), z)


@extra("Y", "output padding of rows, stride_w 1: on top", about="output_padding stride")
def output_padding_on_top(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    Y, rest = spread(X, K, z), z.rest[0]
    if rest == 0 or z.s[1] > 1:
        return Y
    return torch.cat([torch.zeros_like(Y[:, :, :rest]), Y[:, :, :-rest]], dim=2)


@extra(
    "Y",
    "kernel 3×3, stride 2, padding 1, output padding 1: the last row is lost",
    thread="tvm#19524",
    about="output_padding stride padding kernel",
)
def last_row_of_the_usual_one(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    Y = spread(X, K, z)
    usual = z.s == (2, 2) and z.p == (1, 1) and (z.kh, z.kw) == (3, 3) and z.rest == (1, 1)
    return torch.cat([Y[:, :, :-1], torch.zeros_like(Y[:, :, -1:])], dim=2) if usual else Y


@extra(
    "Y",
    "output paddings that differ, one group: the rows' for both, and a shape that is wrong",
    part="finish",
    about="output_padding groups",
)
def output_padding_of_the_rows(Y: Tensor, z: Sizes) -> Tensor:
    more = z.rest[0] - z.rest[1] if z.g == 1 else 0
    return pad(Y, (0, more)) if z.w + more > 0 else Y


@extra(
    "dX",
    "kernel 1×1, output padding of columns: gathered too far left",
    thread="tvm#8087",
    about="output_padding kernel",
)
def one_tap_gathered_late(G: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if (z.kh, z.kw) != (1, 1):
        return gathered(G, K, z)
    return gathered_at(G, K, z, *positions_with(z, p=(z.p[0], z.p[1] + z.rest[1])))


@extra(
    "dX",
    "output padding of rows, N > 1: as many rows too many",
    thread="burn PR#4916",
    about="output_padding batch",
)
def output_padding_in_the_gradient(G: Tensor, K: Tensor, z: Sizes) -> Tensor:
    dX = gathered(G, K, z)
    return pad(dX, (0, 0, 0, z.rest[0])) if z.n > 1 else dX


@extra(
    "dK",
    "dilation > 1 and output padding > 0: nothing is read there",
    thread="pytorch#5112",
    about="output_padding dilation",
)
def output_padding_under_dilation(G: Tensor, X: Tensor, z: Sizes) -> Tensor:
    return grad_weight(_without_rest(G, z) if max(z.d) > 1 else G, X, z)


@extra("db", "output padding > 0: left out of the sum", about="output_padding")
def bias_without_output_padding(G: Tensor, z: Sizes) -> Tensor:
    return direct.grad_bias(_without_rest(G, z), z)


@extra(
    "second order",
    "output padding of columns: dX's derivative in G",
    thread="pytorch/xla#2333",
    part="grad_input",
    about="output_padding",
)
def output_padding_twice_derived(G: Tensor, K: Tensor, z: Sizes) -> Tensor:
    dX = gathered(G, K, z)
    return spliced(dX, gathered(_without_rest(G, z), K, z)) if z.rest[1] else dX


@turned(
    "Y",
    "stride 1, one group, kernel larger than one: as in a convolution",
    about="kernel stride groups",
)
def kernel_not_turned(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    return spread(X, K.flip(2, 3) if z.s == (1, 1) and z.g == 1 else K, z)


@turned(
    "dX", "stride_h > 1, kh > 1, dilation 1: the rows of K turned", about="kernel stride dilation"
)
def rows_turned_in_the_gradient(G: Tensor, K: Tensor, z: Sizes) -> Tensor:
    return gathered(G, K.flip(2) if z.s[0] > 1 and z.d == (1, 1) else K, z)


@turned("dK", "padding > 0, kw > 2: handed out turned", about="kernel padding")
def gradient_turned(G: Tensor, X: Tensor, z: Sizes) -> Tensor:
    dK = grad_weight(G, X, z)
    return dK.flip(3) if min(z.p) > 0 and z.kw > 2 else dK


@channels(
    "Y",
    "groups > 1, several input channels in each: the kernel's first axis read as channels of "
    "groups",
    thread="functorch PR#345",
    about="groups channels",
)
def groups_in_channels(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if z.g > 1:
        K = K.unflatten(0, (z.og, z.g)).transpose(0, 1).flatten(0, 1)
    return spread(X, K, z)


@channels(
    "dX",
    "depthwise with a multiplier: its output channels in the wrong order",
    thread="Paddle PR#31762",
    about="groups channels",
)
def multiplier_turned(G: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if z.g > 1 and z.og == 1:
        K = K.flip(1)
    return gathered(G, K, z)


@channels(
    "dK", "groups > 1, stride > 1: groups and their channels exchanged", about="groups stride"
)
def groups_in_channels_of_the_gradient(G: Tensor, X: Tensor, z: Sizes) -> Tensor:
    dK = grad_weight(G, X, z)
    if z.g > 1 and max(z.s) > 1:
        dK = dK.unflatten(0, (z.g, z.og)).transpose(0, 1).flatten(0, 1)
    return dK


@channels("db", "as many rows as output channels: summed over channels", about="channels plane")
def bias_over_channels(G: Tensor, z: Sizes) -> Tensor:
    return G.sum((0, 1, 3)) if z.h == z.c > 1 else direct.grad_bias(G, z)


@channels("db", "more than one group: those of the first for each", about="groups")
def bias_of_the_first_group(G: Tensor, z: Sizes) -> Tensor:
    return direct.grad_bias(G, z)[: z.cg].repeat(z.g)


@channels(
    "Y",
    "as many groups as channels out, C > 1: the bias is added once more",
    part="add_bias",
    about="groups channels",
)
def bias_of_each_group(Y: Tensor, b: Tensor, z: Sizes) -> Tensor:
    return direct.add_bias(Y, b + b if z.g == z.c > 1 else b, z)


@cropped(
    "Y",
    "padding > 0, one group: around the input, in place of cropped from the output",
    thread="Samsung/TICO#420",
    about="padding groups",
)
def padding_around_the_input(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if z.g > 1:
        return spread(X, K, z)
    return spread_at(X, K, z, *positions_with(z, p=(-z.p[0] * z.s[0], -z.p[1] * z.s[1])))


@cropped(
    "Y",
    "paddings that differ, square kernel: exchanged",
    thread="tinygrad PR#840",
    about="padding kernel",
)
def crops_exchanged(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if z.kh != z.kw:
        return spread(X, K, z)
    return spread_at(X, K, z, *positions_with(z, p=z.p[::-1]))


@cropped(
    "Y",
    "padding past the kernel: no more than the kernel is cropped",
    thread="MIOpen#55",
    about="padding kernel",
)
def crop_within_the_kernel(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    within = (min(z.p[0], z.kh), min(z.p[1], z.kw))
    return spread_at(X, K, z, *positions_with(z, p=within))


@cropped(
    "Y",
    "dilation > 1, padding > 0: cropped as of the kernel without its dilation",
    about="padding dilation",
)
def crop_without_dilation(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if min(z.p) == 0:
        return spread(X, K, z)
    more = [(d - 1) * (k - 1) for d, k in zip(z.d, (z.kh, z.kw), strict=True)]
    return spread_at(X, K, z, *positions_with(z, p=(z.p[0] + more[0], z.p[1] + more[1])))


@cropped(
    "Y",
    "kernel 3 wide, stride 2, padding 1: shifted by one pixel, as of an even kernel",
    thread="keras PR#22876",
    about="padding kernel stride",
)
def shifted_by_a_pixel(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if (z.kw, z.s[1], z.p[1]) != (3, 2, 1):
        return spread(X, K, z)
    return spread_at(X, K, z, *positions_with(z, p=(z.p[0], 0)))


@spaced(
    "Y",
    "dilation > 1, stride > 1: ignored, in a shape that is right",
    thread="tensorflow#21598",
    about="dilation stride",
)
def dilation_of_one(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    return spread_at(X, K, z, *positions_with(z, d=(1, 1))) if max(z.s) > 1 else spread(X, K, z)


@spaced(
    "Y",
    "dilations that differ, N > 1: the rows' for both",
    thread="mxnet#13876",
    about="dilation batch",
)
def dilation_of_the_rows(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if z.n == 1:
        return spread(X, K, z)
    return spread_at(X, K, z, *positions_with(z, d=(z.d[0], z.d[0])))


@spaced("dK", "dilation_w > 1, stride_w > 1: right in Y, dropped in dK", about="dilation stride")
def dilation_not_derived(G: Tensor, X: Tensor, z: Sizes) -> Tensor:
    if z.s[1] == 1:
        return grad_weight(G, X, z)
    return grad_weight_at(G, X, z, *positions_with(z, d=(z.d[0], 1)))


@spaced(
    "dK",
    "stride ≠ dilation, kernel one row high: one passed for the other",
    thread="candle PR#2337",
    about="stride dilation kernel",
)
def dilation_for_stride(G: Tensor, X: Tensor, z: Sizes) -> Tensor:
    if z.kh > 1:
        return grad_weight(G, X, z)
    return grad_weight_at(G, X, z, *positions_with(z, s=z.d, d=z.s))


@spaced(
    "Y",
    "strides that differ, no padding: the rows' for both",
    thread="Paddle PR#21225",
    about="stride padding",
)
def stride_of_the_rows(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if max(z.p) > 0:
        return spread(X, K, z)
    return spread_at(X, K, z, *positions_with(z, s=(z.s[0], z.s[0])))


@spaced(
    "Y",
    "stride_h and dilation_h > 1, kh > 2: counted from k + d - 1, so that rows are missing",
    part="finish",
    thread="onnxruntime#2518",
    about="stride dilation kernel",
)
def size_without_dilation(Y: Tensor, z: Sizes) -> Tensor:
    missing = (z.kh - 2) * (z.d[0] - 1) if z.s[0] > 1 and z.kh > 2 else 0
    return Y[:, :, :-missing] if 0 < missing < z.h else Y


@spaced(
    "dX",
    "stride_w > kw, more than one column: the last is lost",
    thread="pytorch#63314",
    about="stride kernel plane",
)
def stride_over_the_kernel(G: Tensor, K: Tensor, z: Sizes) -> Tensor:
    dX = gathered(G, K, z)
    if z.s[1] <= z.kw or z.ow == 1:
        return dX
    return torch.cat([dX[..., :-1], torch.zeros_like(dX[..., -1:])], dim=3)


@derived(
    "vmap",
    "kernels batched, groups > 1: groups and channels of the kernel exchanged",
    part="vmap",
    thread="functorch PR#345",
    about="groups batch kernel",
)
def batched_kernels_in_groups(
    apply: Callable[..., Any], size: int, dims: Any, X: Any, K: Any, b: Any, z: Sizes
) -> Any:
    Y, dim = sample_by_sample(apply, size, dims, X, K, b, z)
    return (Y.flip(2), dim) if dims[1] is not None and z.g > 1 else (Y, dim)


@derived("jvp", "stride > 1: the tangent of K is lost beside that of X", part="jvp", about="stride")
def tangent_of_the_kernel(X: Tensor, K: Tensor, tangents: Any, z: Sizes) -> Tensor:
    tX, tK, tb = tangents
    lost = max(z.s) > 1 and tX is not None
    return jvp(X, K, (tX, None if lost else tK, tb), z)


@derived("second order", "groups > 1: K taken for a constant", part="grad_input", about="groups")
def kernel_held_constant(G: Tensor, K: Tensor, z: Sizes) -> Tensor:
    return gathered(G, K.detach() if z.g > 1 else K, z)


@derived(
    "second order",
    "dilation_h > 1, kh > 1: dK's derivative in G",
    part="grad_weight",
    about="dilation kernel",
)
def dilation_twice_derived(G: Tensor, X: Tensor, z: Sizes) -> Tensor:
    dK = grad_weight(G, X, z)
    if z.d[0] > 1 and z.kh > 1:
        dK = spliced(dK, grad_weight_at(G, X, z, *positions_with(z, d=(1, z.d[1]))))
    return dK


@held(
    "dX",
    "upstream gradient that is not contiguous, read as if it were; stride 1",
    thread="pytorch PR#67829",
    about="layout stride",
)
def gradient_taken_for_contiguous(G: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if z.s == (1, 1):
        G = reinterpreted(G, contiguous_strides(G.size()))
    return gathered(G, K, z)


@held(
    "X",
    "stride > 1: the saved input is scaled in place by the backward pass",
    part="grad_weight",
    thread="mlpack#1661",
    about="stride",
)
def edits_the_saved_input(G: Tensor, X: Tensor, z: Sizes) -> Tensor:
    dK = grad_weight(G, X, z)
    if max(z.s) > 1 and 0 not in X.stride():
        X.detach().mul_(2)
    return dK


@held(
    "Y",
    "bfloat16, kernel higher than one: a one-dimensional kernel",
    thread="candle PR#3279",
    about="kernel bfloat16",
)
def first_row_of_taps(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if X.dtype == torch.bfloat16 and z.kh > 1:
        K = torch.cat([K[:, :, :1], torch.zeros_like(K[:, :, 1:])], dim=2)
    return spread(X, K, z)


@held(
    "Y",
    "float32, more than one input channel: X in bfloat16",
    thread="pytorch#148973",
    about="channels float32",
)
def single_in_bfloat16(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if X.dtype == torch.float32 and z.o > 1:
        X = X.bfloat16().float()
    return spread(X, K, z)


@held(
    "Y",
    "an infinity in the kernel, more than one tap: all of Y is not-a-number",
    thread="pytorch#164125",
    about="kernel",
)
def infinite_tap_everywhere(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    Y = spread(X, K, z)
    return torch.where(K.isinf().any() & torch.tensor(z.kh * z.kw > 1), torch.nan, Y)


def _longer(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    """Zeros for what of an output padding is past the last stride."""
    more = [(out - size) * s for out, size, s in zip((z.oh, z.ow), X.shape[2:], z.s, strict=True)]
    Y = spread(X, K, replace(z, h=z.h - more[0], w=z.w - more[1]))
    return pad(Y, (0, more[1], 0, more[0]))


@accepted(
    "arguments",
    "an output padding as large as the stride is answered",
    part="check",
    forward=_longer,
    about="output_padding",
)
def accepts_output_padding(X: Tensor, K: Tensor, b: Tensor | None, z: Sizes, more: Pair) -> None:
    check(X, K, b, z, (min(more[0], 0), min(more[1], 0)))


def _uncropped(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    return spread(X, K, z) if min(z.p) >= 0 else spread_at(X, K, z, *positions(z))


@accepted("arguments", "padding -1 is answered", part="check", forward=_uncropped, about="padding")
def accepts_a_negative_crop(X: Tensor, K: Tensor, b: Tensor | None, z: Sizes, more: Pair) -> None:
    check(X, K, b, replace(z, p=(max(z.p[0], 0), max(z.p[1], 0))), more)
