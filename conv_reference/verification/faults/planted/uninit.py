"""Results that are never written."""

from __future__ import annotations

import torch
from torch import Tensor

from conv_reference.verification.faults import direct
from conv_reference.verification.faults.direct import Sizes
from conv_reference.verification.faults.planting import FaultClass
from conv_reference.verification.faults.windows import positions

planted = FaultClass("UNINIT", "Results that are never written")


@planted("Y", "outputs whose window sees only padding rows", about="padding plane")
def unwritten_outputs(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    rows, _ = positions(z)
    seen = ((rows >= 0) & (rows < z.h)).any(1)
    Y = torch.empty_like(direct.forward(X, K, z))
    Y[:, :, seen] = direct.forward(X, K, z)[:, :, seen]
    return Y


@planted(
    "dX",
    "stride larger than the kernel: pixels between",
    thread="MIOpen PR#566",
    about="stride kernel",
)
def unwritten_pixels(G: Tensor, K: Tensor, z: Sizes) -> Tensor:
    dX = direct.grad_input(G, K, z)
    if z.s[0] > z.kh:
        rows, _ = positions(z)
        written = torch.zeros(z.h, dtype=torch.bool)
        written[rows[(rows >= 0) & (rows < z.h)]] = True
        result = torch.empty_like(dX)
        result[:, :, written] = dX[:, :, written]
        return result
    return dX


@planted("dK", "taps that see only padding columns", about="padding kernel")
def unwritten_taps(G: Tensor, X: Tensor, z: Sizes) -> Tensor:
    _, columns = positions(z)
    seen = ((columns >= 0) & (columns < z.w)).any(0)
    right = direct.grad_weight(G, X, z)
    dK = torch.empty_like(right)
    dK[..., seen] = right[..., seen]
    return dK


@planted("db", "N > 2: added to what the memory held", about="batch")
def unzeroed_sum(G: Tensor, z: Sizes) -> Tensor:
    if z.n <= 2:
        return direct.grad_bias(G, z)
    return torch.empty_like(G[0, :, 0, 0]).add_(direct.grad_bias(G, z))
