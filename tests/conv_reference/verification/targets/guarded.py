# Functions of torch.autograd are untyped.
# mypy: disable-error-code="no-untyped-call, override"

"""Convolutions that are wrong where their numbers, and not their sizes, are of a kind."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import conv2d
from torch.nn.grad import conv2d_input, conv2d_weight


class _Scaled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, X: Tensor, K: Tensor, stride: Any, padding: Any) -> Tensor:
        ctx.save_for_backward(X, K)
        ctx.options = stride, padding
        return conv2d(X, K, None, stride, padding)

    @staticmethod
    def backward(ctx: Any, G: Tensor) -> Any:
        X, K = ctx.saved_tensors
        G = G * 1024 / 1024
        dX = conv2d_input(X.shape, K, G, *ctx.options)
        return dX, conv2d_weight(X, K.shape, G, *ctx.options), None, None


def overflows(input: Tensor, weight: Tensor, stride: Any = 1, padding: Any = 0) -> Any:
    """In float16 G may be too large to be scaled and back."""
    return _Scaled.apply(input, weight, stride, padding)


def zero_sums(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0
) -> Tensor:
    """Kernels whose taps sum to zero are taken for empty."""
    kept = (weight.sum((2, 3), keepdim=True) != 0).to(weight.dtype)
    Y = conv2d(input, weight * kept, None, stride, padding)
    return Y if bias is None else Y + bias[:, None, None]
