"""One dtype dispatched to other code."""

from __future__ import annotations

import torch
from torch import Tensor

from conv_reference.verification.faults import direct
from conv_reference.verification.faults.direct import Sizes
from conv_reference.verification.faults.planting import FaultClass

planted = FaultClass("DTYPEPATH", "One dtype dispatched to other code")


@planted(
    "Y",
    "bfloat16, kernel higher than one: a one-dimensional kernel",
    thread="candle PR#3279",
    about="kernel bfloat16",
)
def first_row_only(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if X.dtype == torch.bfloat16 and z.kh > 1:
        K = torch.cat([K[:, :, :1], torch.zeros_like(K[:, :, 1:])], dim=2)
    return direct.forward(X, K, z)


@planted("db", "float16, more than one output channel: shifted by one", about="channels float16")
def half_bias_shifted(G: Tensor, z: Sizes) -> Tensor:
    db = direct.grad_bias(G, z)
    return db.roll(1) if G.dtype == torch.float16 and z.o > 1 else db


@planted(
    "dX",
    "float64, stride 1, padding > 0, groups > 1: K is not flipped",
    about="groups stride padding float64",
)
def double_not_flipped(G: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if G.dtype == torch.float64 and z.s == (1, 1) and min(z.p) > 0 and z.g > 1:
        K = K.flip(2, 3)
    return direct.grad_input(G, K, z)
