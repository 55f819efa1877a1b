"""Padding on the wrong axis, of the wrong amount, or of the wrong value."""

from __future__ import annotations

import torch
from torch import Tensor

from conv_reference.verification.faults import direct
from conv_reference.verification.faults.direct import Sizes
from conv_reference.verification.faults.planting import FaultClass
from conv_reference.verification.faults.windows import (
    forward_at,
    grad_input_at,
    grad_weight_at,
    positions,
    positions_with,
)

planted = FaultClass(
    "PADDING", "Padding on the wrong axis, of the wrong amount, or of the wrong value"
)


@planted("Y", "paddings that differ, kernel not square: exchanged", about="padding kernel")
def padding_exchanged(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if z.p[0] != z.p[1] and z.kh != z.kw:
        return forward_at(X, K, z, *positions_with(z, p=z.p[::-1]))
    return direct.forward(X, K, z)


@planted(
    "Y",
    "padding past the kernel in width, one row of input",
    thread="MIOpen#55",
    about="padding kernel plane",
)
def padding_clamped(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if z.h == 1:
        return forward_at(X, K, z, *positions_with(z, p=(z.p[0], min(z.p[1], z.kw))))
    return direct.forward(X, K, z)


@planted(
    "dX",
    "padding_h at least the kernel, stride_h > 1",
    thread="tensorflow#11092",
    about="stride padding kernel",
)
def padding_clamped_backward(G: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if z.s[0] > 1:
        return grad_input_at(G, K, z, *positions_with(z, p=(min(z.p[0], z.kh - 1), z.p[1])))
    return direct.grad_input(G, K, z)


@planted("dK", "a tap that sees only padding gets the edge's value", about="padding kernel")
def padding_replicated(G: Tensor, X: Tensor, z: Sizes) -> Tensor:
    rows, columns = positions(z)
    blind = ((rows < 0) | (rows >= z.h)).all(0)
    return grad_weight_at(G, X, z, torch.where(blind, rows.clamp(0, z.h - 1), rows), columns)
