"""Faults that only some numbers show."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from conv_reference.verification.faults import direct
from conv_reference.verification.faults.direct import Gradients, Parts, Sizes
from conv_reference.verification.faults.planting import FaultClass

scale = FaultClass("SCALE", "Very small and very large numbers")
zeros = FaultClass("ZEROS", "Work that is skipped where there are zeros")
branch = FaultClass("BRANCH", "Another path for numbers that look alike")
chopped = FaultClass("CHOPPED", "Results cut, or added in parts of fewer bits")


@scale(
    "Y", "float32: subnormal operands are flushed to zero", blind=1, about="float32",
    observed="subnormal numbers are flushed to zero in Y",
)  # fmt: skip
def flushes_subnormals(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if X.dtype == torch.float32:
        least = torch.finfo(X.dtype).tiny
        X, K = (torch.where(t.abs() < least, 0, t) for t in (X, K))
    return direct.forward(X, K, z)


@scale("Y", "float16: clipped to the largest finite number", blind=1, about="float16")
def saturates(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    Y = direct.forward(X, K, z)
    return Y.clamp(-65504, 65504) if X.dtype == torch.float16 else Y


@scale("Y", "float64: through a sum of 32 bits, clipped to its range", blind=2, about="float64")
def wide_sums_clipped(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    Y = direct.forward(X, K, z)
    return Y.clamp(-(2.0**31), 2.0**31 - 1) if X.dtype == torch.float64 else Y


@scale("Y", "taps below 1e-12 in size are taken for zero", about="kernel")
def small_taps_skipped(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    return direct.forward(X, torch.where(K.abs() < 1e-12, 0, K), z)


@scale("dK", "float32 and wider: clipped to 2^60", part="grad_weight", about="float32")
def large_gradient_clipped(G: Tensor, X: Tensor, z: Sizes) -> Tensor:
    dK = direct.grad_weight(G, X, z)
    return dK if dK.dtype == torch.float16 else dK.clamp(-(2.0**60), 2.0**60)


@zeros(
    "dX",
    "a sample of X that is all zero: its gradient is skipped",
    part="gradients",
    blind=1,
    about="batch",
)
def zero_sample_skipped(parts: Parts, ctx: Any, G: Tensor, X: Tensor, K: Tensor) -> Gradients:
    dX, dK, db = direct.gradients(parts, ctx, G, X, K)
    return (lambda: dX() * (X != 0).flatten(1).any(1)[:, None, None, None]), dK, db


@zeros(
    "dK",
    "an output channel of K that is all zero stays so (pruned)",
    part="gradients",
    blind=1,
    about="channels",
)
def pruned_channel(parts: Parts, ctx: Any, G: Tensor, X: Tensor, K: Tensor) -> Gradients:
    dX, dK, db = direct.gradients(parts, ctx, G, X, K)
    return dX, (lambda: dK() * (K != 0).flatten(1).any(1)[:, None, None, None]), db


@branch(
    "Y",
    "no negative number in X, kernel > 1: the last tap is taken without its sign",
    blind=2,
    about="kernel",
)
def unsigned_path(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if z.kh * z.kw > 1 and z.n > 0:
        last = torch.cat([K.flatten(2)[..., :-1], K.flatten(2)[..., -1:].abs()], dim=2)
        K = torch.where((X >= 0).all(), last.view_as(K), K)
    return direct.forward(X, K, z)


@branch(
    "Y",
    "a kernel of one number, wider than one: a box filter that is one column short",
    blind=2,
    about="kernel",
)
def box_filter(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if z.kw > 1:
        short = torch.cat([K[..., :-1], torch.zeros_like(K[..., :1])], dim=3)
        K = torch.where((K[0, 0, 0, 0] == K).all(), short, K)
    return direct.forward(X, K, z)


@chopped("Y", "float16, N > 1: the last bit is cut, not rounded", blind=2, about="batch float16")
def chopped_half(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if X.dtype != torch.float16 or z.n < 2:
        return direct.forward(X, K, z)
    exact = direct.forward(X.float(), K.float(), z)
    Y = exact.half()
    past = Y.float().abs() > exact.abs()
    below = (Y.contiguous().view(torch.int16) - 1).view(torch.float16)
    return torch.where(past & Y.isfinite(), below, Y)


@chopped(
    "Y",
    "float32, more than 512 products: added in parts of half precision",
    blind=2,
    about="float32",
)
def half_partials(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if X.dtype != torch.float32 or z.cg * z.kh * z.kw <= 512:
        return direct.forward(X, K, z)
    halves = (X[:, ::2], K[:, ::2]), (X[:, 1::2], K[:, 1::2])
    if z.g > 1 or z.c % 2:
        return direct.forward(X, K, z).bfloat16().float()
    parts = [direct.forward(x, k, replace(z, c=x.shape[1])) for x, k in halves]
    return parts[0].bfloat16().float() + parts[1].bfloat16().float()
