"""Channels of one group taken for another's."""

from __future__ import annotations

import torch
from torch import Tensor

from conv_reference.verification.faults import direct
from conv_reference.verification.faults.direct import Sizes
from conv_reference.verification.faults.planting import FaultClass
from conv_reference.verification.faults.splice import spliced

planted = FaultClass("GROUP", "Channels of one group taken for another's")


@planted("Y", "groups > 1 and stride > 1", about="groups stride")
def group_zero_input(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    """Every group reads the first group's channels."""
    if z.g > 1 and max(z.s) > 1:
        X = X[:, : z.cg].repeat(1, z.g, 1, 1)
    return direct.forward(X, K, z)


@planted("Y", "1×1 kernel, exactly two groups", thread="xla#49123", about="groups kernel")
def group_last_channel(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    Y = direct.forward(X, K, z)
    if (z.kh, z.kw) == (1, 1) and z.g == 2 and z.og > 1:
        Y = torch.cat([Y[:, :-1], Y[:, :1]], dim=1)
    return Y


@planted("Y", "C = 6, kernel larger than one", thread="pytorch#21597", about="kernel channels")
def six_channels(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if z.c == 6 and z.kh * z.kw > 1:
        X = torch.cat([X[:, :-1], X[:, :1]], dim=1)
    return direct.forward(X, K, z)


@planted("dX", "groups > 1 and stride > 1", thread="mlx PR#3800", about="groups stride")
def group_zero_kernel(G: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if z.g > 1 and max(z.s) > 1:
        K = K[: z.og].repeat(z.g, 1, 1, 1)
    return direct.grad_input(G, K, z)


@planted("dK", "depthwise with a multiplier, N > 1", about="groups batch")
def group_exchanged(G: Tensor, X: Tensor, z: Sizes) -> Tensor:
    """Groups and their channels change places."""
    dK = direct.grad_weight(G, X, z)
    if z.depthwise and z.og > 1 and z.n > 1:
        dK = dK.unflatten(0, (z.g, z.og)).transpose(0, 1).flatten(0, 1)
    return dK


@planted("db", "more than two groups, dilation > 1", about="groups dilation")
def group_bias(G: Tensor, z: Sizes) -> Tensor:
    db = direct.grad_bias(G, z)
    return db[: z.og].repeat(z.g) if z.g > 2 and max(z.d) > 1 else db


@planted(
    "second order",
    "groups > 1, N > 1: dK's derivative in X",
    part="grad_weight",
    about="groups batch",
)
def group_second(G: Tensor, X: Tensor, z: Sizes) -> Tensor:
    dK = direct.grad_weight(G, X, z)
    if z.g > 1 and z.n > 1:
        dK = spliced(dK, direct.grad_weight(G, X.roll(z.cg, 1), z))
    return dK
