"""Axes or arguments exchanged."""

from __future__ import annotations

import torch
from torch import Tensor

from conv_reference.verification.faults import direct
from conv_reference.verification.faults.direct import Sizes
from conv_reference.verification.faults.planting import FaultClass
from conv_reference.verification.faults.windows import forward_at, grad_weight_at, positions_with

planted = FaultClass("STRIDE", "Axes or arguments exchanged")


@planted(
    "Y",
    "strides that differ, one group, kernel higher than wide: exchanged",
    about="groups stride kernel",
)
def stride_exchanged(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if z.g == 1 and z.kh > z.kw:
        return forward_at(X, K, z, *positions_with(z, s=z.s[::-1]))
    return direct.forward(X, K, z)


@planted(
    "dX",
    "H ≠ W, kw > 1, N > 1: a limit from the wrong axis",
    thread="tvm PR#7068",
    about="batch kernel plane",
)
def wrong_axis_limit(G: Tensor, K: Tensor, z: Sizes) -> Tensor:
    dX = direct.grad_input(G, K, z)
    if z.w > z.h and z.kw > 1 and z.n > 1:
        dX = torch.cat([dX[..., : z.h], torch.zeros_like(dX[..., z.h :])], dim=3)
    return dX


@planted(
    "dK",
    "stride ≠ dilation, one group: one passed for the other",
    thread="candle PR#2337",
    about="groups stride dilation",
)
def stride_for_dilation(G: Tensor, X: Tensor, z: Sizes) -> Tensor:
    if z.g == 1:
        return grad_weight_at(G, X, z, *positions_with(z, s=z.d, d=z.s))
    return direct.grad_weight(G, X, z)


@planted(
    "dK",
    "stride_h < stride_w, O > 1, no padding: one for both",
    thread="Paddle PR#21225",
    about="stride padding channels",
)
def stride_for_both(G: Tensor, X: Tensor, z: Sizes) -> Tensor:
    if z.s[0] < z.s[1] and z.o > 1 and z.p == (0, 0):
        return grad_weight_at(G, X, z, *positions_with(z, s=(z.s[0], z.s[0])))
    return direct.grad_weight(G, X, z)
