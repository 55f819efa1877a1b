"""Remainders of blocks."""

from __future__ import annotations

import torch
from torch import Tensor

from conv_reference.verification.faults import direct
from conv_reference.verification.faults.direct import Sizes
from conv_reference.verification.faults.planting import FaultClass

planted = FaultClass("TAIL", "Remainders of blocks")


@planted("Y", "N = 3 modulo 4: the last sample is lost", about="batch")
def tail_of_batch(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    Y = direct.forward(X, K, z)
    return torch.cat([Y[:-1], torch.zeros_like(Y[-1:])]) if z.n % 4 == 3 else Y


@planted("dX", "O = 3 modulo 4 and O > 4: the last output channel is lost", about="channels")
def tail_of_channels(G: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if z.o % 4 == 3 and z.o > 4:
        G = torch.cat([G[:, :-1], torch.zeros_like(G[:, -1:])], dim=1)
    return direct.grad_input(G, K, z)


@planted("dK", "positions = 3 modulo 4, stride > 1: the last one is lost", about="stride plane")
def tail_of_positions(G: Tensor, X: Tensor, z: Sizes) -> Tensor:
    if z.oh * z.ow % 4 == 3 and max(z.s) > 1:
        flat = G.flatten(2)
        G = torch.cat([flat[..., :-1], torch.zeros_like(flat[..., -1:])], dim=2).view_as(G)
    return direct.grad_weight(G, X, z)


@planted(
    "Y",
    "3×3, stride 1, more than six rows: tile step",
    thread="winograd#1",
    about="stride kernel plane",
)
def tile_step(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    Y = direct.forward(X, K, z)
    if (z.kh, z.kw) == (3, 3) and z.s == (1, 1) and z.oh > 4:
        Y = torch.cat([Y[:, :, :4], Y[:, :, 2 : z.oh - 2]], dim=2)
    return Y
