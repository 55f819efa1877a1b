"""Limits of an index, scaled down so that small tensors meet them."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from conv_reference.verification.faults import direct
from conv_reference.verification.faults.direct import Sizes
from conv_reference.verification.faults.planting import FaultClass

planted = FaultClass("OVERFLOW", "Limits of an index, scaled down so that small tensors meet them")


@planted("Y", "more than 32,767 elements of output: the rest is zero", about="plane")
def short_index(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    Y = direct.forward(X, K, z)
    if Y.numel() <= 0x7FFF:
        return Y
    flat = Y.flatten()
    return torch.cat([flat[:0x8000], torch.zeros_like(flat[0x8000:])]).view_as(Y)


@planted("Y", "more than 255 samples (scaled down)", thread="tensorflow#9870", about="batch")
def byte_of_batch(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    Y = direct.forward(X, K, z)
    return torch.cat([Y[:255], torch.zeros_like(Y[255:])])


@planted("dX", "more than 65,535 elements of input: the first come again")
def wrapped_index(G: Tensor, K: Tensor, z: Sizes) -> Tensor:
    dX = direct.grad_input(G, K, z)
    return dX.flatten()[torch.arange(dX.numel()) % 0x10000].view_as(dX)


@planted("dK", "N > 16: the batch is split, the first part counted twice", about="batch")
def split_batch(G: Tensor, X: Tensor, z: Sizes) -> Tensor:
    dK = direct.grad_weight(G, X, z)
    return dK + direct.grad_weight(G[:16], X[:16], replace(z, n=16)) if z.n > 16 else dK
