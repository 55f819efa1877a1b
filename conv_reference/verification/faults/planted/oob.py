"""Reads and writes past a row's end."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from conv_reference.verification.faults import direct
from conv_reference.verification.faults.direct import Sizes
from conv_reference.verification.faults.planting import FaultClass
from conv_reference.verification.faults.windows import forward_of, give, positions, read

planted = FaultClass("OOB", "Reads and writes past a row's end")


@planted(
    "Y", "padding_w > 0, C > 1: past a row's end the next row is read", about="padding channels"
)
def reads_past_the_row(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if z.p[1] == 0 or z.c == 1:
        return direct.forward(X, K, z)
    rows, columns = positions(z)
    down, across = rows[:, None, :, None], columns[None, :, None, :]
    flat = down * z.w + across
    inside = (down >= 0) & (down < z.h) & (across >= 0) & (flat < z.h * z.w)
    return forward_of(read(X, z, torch.where(inside, flat, z.h * z.w)), K, z)


@planted(
    "dX",
    "padding_w > 0, stride_w = 1: past a row's end the next row is written",
    about="stride padding",
)
def writes_past_the_row(G: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if z.p[1] == 0 or z.s[1] > 1:
        return direct.grad_input(G, K, z)
    rows, columns = positions(z)
    down, across = rows[:, None, :, None], columns[None, :, None, :]
    flat = down * z.w + across
    inside = (down >= 0) & (down < z.h) & (across >= 0) & (flat < z.h * z.w)
    return give(direct.shares(G, K, z), z, torch.where(inside, flat, z.h * z.w))


@planted(
    "dK",
    "1×1 kernel, no padding, one group, N > 1, C < 8, a stride above 1 that divides H and W, "
    "input in channels_last: of the pixels gathered in a workspace others are read",
    thread="oneDNN#6035",
    about="groups stride padding batch kernel channels layout",
)
def reads_past_the_workspace(G: Tensor, X: Tensor, z: Sizes) -> Tensor:
    gathers = (z.kh, z.kw, z.p, z.g) == (1, 1, (0, 0), 1) and max(z.s) > 1
    divided = z.h % z.s[0] == z.w % z.s[1] == 0
    last = X.stride(1) == 1 and X.stride(3) == z.c
    if not (gathers and divided and last and z.n > 1 and z.c < 8):
        return direct.grad_weight(G, X, z)
    gathered = X[:, :, :: z.s[0], :: z.s[1]].flatten(2)
    pixels = torch.arange(gathered.shape[2]) * 8 // z.c  # as if there were eight channels
    workspace = torch.cat([gathered, gathered.new_zeros(z.n, z.c, 1)], dim=2)
    found = workspace[:, :, pixels.clamp(max=gathered.shape[2])].reshape(z.n, z.c, z.oh, z.ow)
    return direct.grad_weight(G, found, replace(z, h=z.oh, w=z.ow, s=(1, 1)))
