"""Sizes from which another path is taken, and which nobody tried."""

from __future__ import annotations

import torch
from torch import Tensor

from conv_reference.verification.faults import direct
from conv_reference.verification.faults.direct import Sizes
from conv_reference.verification.faults.planting import FaultClass
from conv_reference.verification.faults.windows import forward_at, positions_with

threshold = FaultClass("THRESHOLD", "Another path from some size on, and only there")
empty = FaultClass("EMPTY", "A batch of nothing")
network = FaultClass("NETWORK", "A layer of a real network, and none that is smaller")
aspect = FaultClass("ASPECT", "Images much longer than wide, or the other way round")
unrolled = FaultClass("UNROLLED", "Loops unrolled for small kernels")
patches = FaultClass("PATCHES", "Kernels as large as the stride, where no two windows overlap")
small = FaultClass("SMALL", "Images smaller than the kernel")


def without_last(tensor: Tensor, dim: int) -> Tensor:
    """The last of a dimension zero."""
    kept = tensor.narrow(dim, 0, tensor.shape[dim] - 1)
    return torch.cat([kept, torch.zeros_like(tensor.narrow(dim, 0, 1))], dim=dim)


@threshold(
    "Y",
    "5 to 7 samples, more than two output channels: the last two trade places",
    blind=1,
    about="batch channels",
)
def batches_between(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    Y = direct.forward(X, K, z)
    return torch.cat([Y[:-2], Y[-2:].flip(0)]) if 5 <= z.n <= 7 and z.o > 2 else Y


@threshold(
    "Y",
    "11 output channels, kernel 3 wide: the last has the first's kernel",
    blind=1,
    about="kernel channels",
)
def eleven_channels(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if z.o == 11 and z.kw == 3:
        K = torch.cat([K[:-1], K[:1]])
    return direct.forward(X, K, z)


@threshold(
    "Y",
    "float32, more than 129 columns of output: past 128 each comes one late",
    blind=1,
    about="plane float32",
)
def past_the_tile(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    Y = direct.forward(X, K, z)
    if X.dtype == torch.float32 and z.ow > 129:
        Y = torch.cat([Y[..., :128], Y[..., 127:-1]], dim=3)
    return Y


@threshold("Y", "a stride above 4 is taken for 4", blind=2, about="stride")
def stride_clipped(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if max(z.s) <= 4:
        return direct.forward(X, K, z)
    return forward_at(X, K, z, *positions_with(z, s=(min(z.s[0], 4), min(z.s[1], 4))))


@threshold(
    "dK",
    "more than 32 samples that are no multiple of 32: raises",
    thread="mmcv#1169",
    blind=2,
    about="batch",
)
def step_of_32(G: Tensor, X: Tensor, z: Sizes) -> Tensor:
    if z.n > 32 and z.n % 32:
        raise RuntimeError(f"shape '[{z.n // 32}, 32]' is invalid for a batch of {z.n}")
    return direct.grad_weight(G, X, z)


@empty("db", "no sample at all: db is one", blind=1, about="batch")
def bias_of_nothing(G: Tensor, z: Sizes) -> Tensor:
    db = direct.grad_bias(G, z)
    return db + 1 if z.n == 0 else db


@empty(
    "Y",
    "no sample at all, without gradients: a result without planes",
    part="finish",
    about="batch",
)
def empty_without_gradients(Y: Tensor, z: Sizes) -> Tensor:
    return Y if torch.is_grad_enabled() or z.n > 0 else Y.flatten()


@network(
    "Y",
    "48 channels of a group and more, 400 pixels and more, stride 2: one is lost",
    blind=1,
    about="stride channels plane",
)
def deep_and_wide(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if z.cg >= 48 and z.h * z.w >= 400 and max(z.s) == 2:
        K = without_last(K, 1)
    return direct.forward(X, K, z)


@network(
    "dK",
    "7×7, stride 2, 32 rows and more: the last row of outputs is lost",
    blind=1,
    about="stride kernel plane",
)
def stem(G: Tensor, X: Tensor, z: Sizes) -> Tensor:
    if (z.kh, z.kw) == (7, 7) and z.s == (2, 2) and z.h >= 32:
        G = without_last(G, 2)
    return direct.grad_weight(G, X, z)


@aspect(
    "dX",
    "more than ten times as many rows as columns: the last row is zero",
    blind=1,
    about="plane",
)
def long_image(G: Tensor, K: Tensor, z: Sizes) -> Tensor:
    dX = direct.grad_input(G, K, z)
    return without_last(dX, 2) if z.h > 10 * z.w else dX


@unrolled(
    "dK",
    "more than eight rows of taps, two columns and more: the ninth repeats",
    blind=1,
    about="kernel",
)
def unrolled_by_eight(G: Tensor, X: Tensor, z: Sizes) -> Tensor:
    dK = direct.grad_weight(G, X, z)
    if z.kh > 8 and z.kw > 1:
        dK = torch.cat([dK[:, :, :8], dK[:, :, 7:8].expand(-1, -1, z.kh - 8, -1)], dim=2)
    return dK


@patches(
    "Y", "kernel = stride > 1, no padding, C > 1: channels and taps are mixed",
    thread="oneDNN PR#4684", blind=2, about="stride padding kernel channels",
)  # fmt: skip
def channels_for_taps(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if (z.kh, z.kw) == z.s and max(z.s) > 1 and z.p == (0, 0) and z.cg > 1:
        K = K.flatten(2).transpose(1, 2).reshape(K.shape)
    return direct.forward(X, K, z)


@small(
    "dX", "image lower than the kernel less one, depthwise: shifted by a row",
    thread="flash-linear-attention#1140", blind=2, about="groups kernel plane",
)  # fmt: skip
def image_below_kernel(G: Tensor, K: Tensor, z: Sizes) -> Tensor:
    dX = direct.grad_input(G, K, z)
    return dX.roll(1, 2) if z.h < z.kh - 1 and z.depthwise else dX


@small(
    "dX",
    "padding at least as wide as the image: the last column is lost",
    blind=2,
    about="padding plane",
)
def padding_past_the_image(G: Tensor, K: Tensor, z: Sizes) -> Tensor:
    dX = direct.grad_input(G, K, z)
    return without_last(dX, 3) if z.p[1] >= z.w else dX
