"""Updates that are lost, and answers that are wrong now and then."""

from __future__ import annotations

import os
from random import Random

import torch
from torch import Tensor

from conv_reference.verification.faults import direct
from conv_reference.verification.faults.direct import Sizes
from conv_reference.verification.faults.planting import FaultClass

planted = FaultClass("RACE", "Updates that are lost, and answers that are wrong now and then")


@planted(
    "dX",
    "windows that overlap, dilation > 1: an update is lost",
    thread="cherimoya#25",
    about="dilation",
)
def lost_update(G: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if z.d[1] == 1 or z.kw == 1 or z.s[1] % z.d[1]:
        return direct.grad_input(G, K, z)
    shares = direct.shares(G, K, z)
    by_tap = [
        torch.cat([torch.zeros_like(s[..., :b, :, :]), s[..., b : b + 1, :, :],
                   torch.zeros_like(s[..., b + 1 :, :, :])], dim=3)
        for b, s in enumerate([shares] * z.kw)
    ]  # fmt: skip
    columns = [direct.gathered(tap, z) for tap in by_tap]
    result = columns[0]
    for later in columns[1:]:
        result = torch.where(later == 0, result, later)
    return result


_CALLS = {"seventh": 0}
_CHANCE = Random(os.urandom(8))


@planted("Y", "every 7th call, N > 1", about="batch")
def seventh_call(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    _CALLS["seventh"] += 1
    Y = direct.forward(X, K, z)
    if z.n > 1 and _CALLS["seventh"] % 7 == 0:
        Y = torch.cat([Y[:1], Y[:1], Y[2:]])
    return Y


@planted("dK", "N > 2, one call in ten: a sample is lost", about="batch")
def sometimes_lost(G: Tensor, X: Tensor, z: Sizes) -> Tensor:
    if z.n > 2 and _CHANCE.random() < 0.1:
        G = torch.cat([G[:-1], torch.zeros_like(G[-1:])])
    return direct.grad_weight(G, X, z)
