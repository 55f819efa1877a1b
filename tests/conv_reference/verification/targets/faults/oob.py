"""Reads and writes past a row's end."""

from __future__ import annotations

import direct
import torch
from direct import Sizes
from torch import Tensor

from faults.planting import FaultClass
from faults.windows import forward_of, give, positions, read

planted = FaultClass("OOB")


@planted("Y", "padding_w > 0, C > 1: past a row's end the next row is read")
def reads_past_the_row(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if z.p[1] == 0 or z.c == 1:
        return direct.forward(X, K, z)
    rows, columns = positions(z)
    down, across = rows[:, None, :, None], columns[None, :, None, :]
    flat = down * z.w + across
    inside = (down >= 0) & (down < z.h) & (across >= 0) & (flat < z.h * z.w)
    return forward_of(read(X, z, torch.where(inside, flat, z.h * z.w)), K, z)


@planted("dX", "padding_w > 0, stride_w = 1: past a row's end the next row is written")
def writes_past_the_row(G: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if z.p[1] == 0 or z.s[1] > 1:
        return direct.grad_input(G, K, z)
    rows, columns = positions(z)
    down, across = rows[:, None, :, None], columns[None, :, None, :]
    flat = down * z.w + across
    inside = (down >= 0) & (down < z.h) & (across >= 0) & (flat < z.h * z.w)
    return give(direct.shares(G, K, z), z, torch.where(inside, flat, z.h * z.w))
