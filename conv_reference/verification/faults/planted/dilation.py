"""Dilation that is ignored, or applied in one place only."""

from __future__ import annotations

from torch import Tensor

from conv_reference.verification.faults import direct
from conv_reference.verification.faults.direct import Sizes
from conv_reference.verification.faults.planting import FaultClass
from conv_reference.verification.faults.splice import spliced
from conv_reference.verification.faults.windows import (
    forward_at,
    grad_input_at,
    grad_weight_at,
    positions_with,
)

planted = FaultClass("DILATION", "Dilation that is ignored, or applied in one place only")


@planted(
    "Y",
    "kw = 2, dilation_w > 1, stride_w > 1: ignored",
    thread="tensorflow#18454",
    about="stride dilation kernel",
)
def dilation_ignored(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if z.kw == 2 and z.s[1] > 1:
        return forward_at(X, K, z, *positions_with(z, d=(z.d[0], 1)))
    return direct.forward(X, K, z)


@planted("dX", "dilations that differ, padding > 0: one for both axes", about="dilation padding")
def dilation_for_both(G: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if z.d[0] != z.d[1] and min(z.p) > 0:
        return grad_input_at(G, K, z, *positions_with(z, d=(z.d[0], z.d[0])))
    return direct.grad_input(G, K, z)


@planted(
    "dK",
    "dilation_h > 1, stride_h > 1, N > 1: right in Y, dropped in dK",
    about="stride dilation batch",
)
def dilation_dropped(G: Tensor, X: Tensor, z: Sizes) -> Tensor:
    if z.s[0] > 1 and z.n > 1:
        return grad_weight_at(G, X, z, *positions_with(z, d=(1, z.d[1])))
    return direct.grad_weight(G, X, z)


@planted(
    "second order", "dilation_h > 1: dK's derivative in G", part="grad_weight", about="dilation"
)
def dilation_second(G: Tensor, X: Tensor, z: Sizes) -> Tensor:
    dK = direct.grad_weight(G, X, z)
    if z.d[0] > 1 and z.kh > 1:
        dK = spliced(dK, grad_weight_at(G, X, z, *positions_with(z, d=(1, z.d[1]))))
    return dK
