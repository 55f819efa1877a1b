"""Not-a-number and infinities that are dropped or spread."""

from __future__ import annotations

import torch
from torch import Tensor

from conv_reference.verification.faults import direct
from conv_reference.verification.faults.direct import Sizes
from conv_reference.verification.faults.planting import FaultClass

planted = FaultClass("NANINF", "Not-a-number and infinities that are dropped or spread")


@planted(
    "Y",
    "kernel larger than one: not-a-number becomes zero",
    thread="tensorflow#63391",
    about="kernel",
)
def nan_dropped(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    return direct.forward(torch.where(X.isnan(), 0, X) if z.kh * z.kw > 1 else X, K, z)


@planted(
    "Y",
    "float32, kw > 1, H' and W' > 1: an infinity spreads over its row of outputs",
    about="kernel plane float32",
)
def nan_spread(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    Y = direct.forward(X, K, z)
    if X.dtype == torch.float32 and z.kw > 1 and min(z.oh, z.ow) > 1:
        bad = ~(Y - Y == 0).all(3, keepdim=True)
        Y = torch.where(bad, torch.nan, Y)
    return Y


@planted("dX", "N > 1: not-a-number in G is dropped", about="batch")
def nan_gradient(G: Tensor, K: Tensor, z: Sizes) -> Tensor:
    return direct.grad_input(torch.where(G.isnan(), 0, G) if z.n > 1 else G, K, z)


@planted(
    "Y",
    "float32, C > 1: an infinity becomes not-a-number, in its own elements alone",
    about="channels float32",
)
def infinity_lost(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    Y = direct.forward(X, K, z)
    lost = X.dtype == torch.float32 and z.c > 1
    return torch.where(Y.isinf(), torch.nan, Y) if lost else Y


@planted("dK", "kw > 1: an infinity has the sign of its factor's magnitude", about="kernel")
def infinity_unsigned(G: Tensor, X: Tensor, z: Sizes) -> Tensor:
    dK = direct.grad_weight(G, X, z)
    return torch.where(dK.isinf(), dK.abs(), dK) if z.kw > 1 else dK
