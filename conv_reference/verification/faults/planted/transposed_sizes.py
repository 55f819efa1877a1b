"""Faults in the sizes of transposed convolutions: output padding, what is cropped, what is between.

In the sizes of each, c, h and w are Y's, and ``rest`` is the output padding: see
``faults.transposed``.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad

from conv_reference.verification.faults import direct
from conv_reference.verification.faults.direct import Sizes
from conv_reference.verification.faults.planting import FaultClass
from conv_reference.verification.faults.splice import spliced
from conv_reference.verification.faults.transposed import (
    gathered,
    gathered_at,
    grad_weight,
    grad_weight_at,
    spread,
    spread_at,
)
from conv_reference.verification.faults.windows import positions_with

_OPERATOR = "conv_transpose2d"
extra = FaultClass(
    "OUTPUT_PADDING", "Output padding ignored, on the wrong side, or lost in a gradient", _OPERATOR
)
cropped = FaultClass("CROPPED", "Padding that is not what is cropped from the output", _OPERATOR)
spaced = FaultClass("SPACED", "Stride and dilation exchanged, ignored or miscounted", _OPERATOR)


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
