"""One algorithm, or one tap of the kernel, that is wrong."""

from __future__ import annotations

import torch
from torch import Tensor

from conv_reference.verification.faults import direct
from conv_reference.verification.faults.direct import Sizes
from conv_reference.verification.faults.planting import FaultClass
from conv_reference.verification.faults.windows import grad_weight_at, positions

planted = FaultClass("KERNEL", "One algorithm, or one tap of the kernel, that is wrong")
flips = FaultClass("FLIP", "Kernels that must be turned, and are not, in one axis alone")


@planted("Y", "kernel not square, groups > 1: a true convolution", about="groups kernel")
def flips_oblong(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    return direct.forward(X, K.flip(2, 3) if z.kh != z.kw and z.g > 1 else K, z)


@planted("Y", "kh·kw = 3 modulo 4, dilation > 1: the last tap is lost", about="dilation kernel")
def loses_last_tap(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if z.kh * z.kw % 4 == 3 and max(z.d) > 1:
        K = torch.cat([K.flatten(2)[..., :-1], torch.zeros_like(K[..., :1, 0])], 2).view_as(K)
    return direct.forward(X, K, z)


@planted(
    "Y",
    "N ≥ 4, C > 1, 3×3, stride 1: another path, one coefficient off by one",
    about="stride batch kernel channels",
)
def batch_path(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if z.n >= 4 and z.cg > 1 and (z.kh, z.kw) == (3, 3) and z.s == (1, 1):
        one = torch.zeros_like(K[:1, :1])
        one[..., 1, 2] = 1
        K = K + one
    return direct.forward(X, K, z)


@planted(
    "dX",
    "stride_w > 1, more than 16 channels, W < 17",
    thread="fujitsu/oneDNN#43",
    about="stride channels plane",
)
def narrow_blocks(G: Tensor, K: Tensor, z: Sizes) -> Tensor:
    dX = direct.grad_input(G, K, z)
    if z.s[1] > 1 and z.cg > 16 and z.w < 17:
        dX = torch.cat([dX[:, :16], dX[:, 16:].roll(1, 3)], dim=1)
    return dX


@planted(
    "dK",
    "kw = 3, kh > 1, stride_w > 1: tap 0's patch for each tap",
    thread="fla PR#388",
    about="stride kernel",
)
def first_tap_reused(G: Tensor, X: Tensor, z: Sizes) -> Tensor:
    rows, columns = positions(z)
    if z.kw == 3 and z.kh > 1 and z.s[1] > 1:
        columns = columns[:, :1].expand(-1, 3)
    return grad_weight_at(G, X, z, rows, columns)


@flips(
    "dX",
    "one row of taps, stride 1, padding > 0: they are not turned",
    blind=2,
    about="stride padding kernel",
)
def row_not_turned(G: Tensor, K: Tensor, z: Sizes) -> Tensor:
    turned = z.kh == 1 and z.s == (1, 1) and z.p[1] > 0
    return direct.grad_input(G, K.flip(3) if turned else K, z)
