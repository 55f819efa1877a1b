"""Rows and columns that the last stride does not reach."""

from __future__ import annotations

import torch
from torch import Tensor

from conv_reference.verification.faults import direct
from conv_reference.verification.faults.direct import Sizes
from conv_reference.verification.faults.planting import FaultClass
from conv_reference.verification.faults.splice import spliced

planted = FaultClass("REMAINDER", "Rows and columns that the last stride does not reach")


@planted("dX", "rows left over by the stride, dilation 1", about="stride dilation plane")
def remainder_on_top(G: Tensor, K: Tensor, z: Sizes) -> Tensor:
    dX = direct.grad_input(G, K, z)
    rest = z.rest[0] if z.d[0] == 1 else 0
    return dX.roll(rest, 2) if rest else dX


@planted(
    "dX",
    "columns left over, padding > 0, kernel no wider than the stride",
    about="stride padding kernel plane",
)
def remainder_cropped(G: Tensor, K: Tensor, z: Sizes) -> Tensor:
    """The adjoint without output_padding is too short by what the stride left; zeros follow."""
    dX = direct.grad_input(G, K, z)
    if 0 < z.rest[1] <= z.w and z.p[1] > 0 and z.kw <= z.s[1]:
        dX = torch.cat([dX[..., : -z.rest[1]], torch.zeros_like(dX[..., : z.rest[1]])], dim=3)
    return dX


@planted(
    "dK",
    "two groups, rows left over: dK has a row too many",
    thread="mlx#2184",
    about="groups stride plane",
)
def remainder_shape(G: Tensor, X: Tensor, z: Sizes) -> Tensor:
    dK = direct.grad_weight(G, X, z)
    return torch.cat([dK, dK[:, :, :1]], dim=2) if z.g == 2 and z.rest[0] else dK


@planted(
    "second order",
    "columns left over",
    thread="pytorch/xla#2333",
    part="grad_input",
    about="stride plane",
)
def remainder_second(G: Tensor, K: Tensor, z: Sizes) -> Tensor:
    dX = direct.grad_input(G, K, z)
    if z.rest[1]:
        last = torch.cat([G[..., :-1], torch.zeros_like(G[..., :1])], dim=3)
        dX = spliced(dX, direct.grad_input(last, K, z))
    return dX
