"""Backward passes that return gradients of another shape or dtype, which torch silently mends.

Each computes the right numbers first, and then hands back something else in place of one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import conv2d
from torch.nn.grad import conv2d_input, conv2d_weight

Change = Callable[[Any], Any]


def _same(value: Any) -> Any:
    return value


class _Returning(torch.autograd.Function):
    """Y, dX and dK are torch's; what is returned of dX and dK is changed."""

    @staticmethod
    def forward(ctx: Any, X: Tensor, K: Tensor, options: Any, changes: Any) -> Tensor:
        ctx.save_for_backward(X, K)
        ctx.options, ctx.changes = options, changes
        return conv2d(X, K, None, *options)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Any:
        (X, K), (G,) = ctx.saved_tensors, grad_outputs
        dX = conv2d_input(X.shape, K, G, *ctx.options)
        dK = conv2d_weight(X, K.shape, G, *ctx.options)
        return ctx.changes[0](dX), ctx.changes[1](dK), None, None


def returning(dX: Change = _same, dK: Change = _same) -> Callable[..., Tensor]:
    """A right convolution, but for what its backward pass returns of dX or dK."""

    def convolve(input: Tensor, weight: Tensor, stride: Any = 1, padding: Any = 0) -> Tensor:
        Y: Tensor = _Returning.apply(input, weight, (stride, padding), (dX, dK))  # type: ignore[no-untyped-call]  # torch's `apply` is untyped
        return Y

    return convolve


empty_input_gradient = returning(dX=lambda dX: dX[..., :0, :0])
repeated_kernel_gradient = returning(dK=lambda dK: dK.repeat(1, 2, 2, 1))
cropped_input_gradient = returning(dX=lambda dX: dX[..., :-1])
with_a_dimension_more = returning(dX=lambda dX: dX[None])
in_float64 = returning(dK=lambda dK: dK.double())


def through_a_padded_input(input: Tensor, weight: Tensor) -> Tensor:
    """The Function sees a copy of X; of that it returns no gradient at all."""
    Y: Tensor = _Returning.apply(input * 1, weight, (1, 0), (lambda _: None, _same))  # type: ignore[no-untyped-call]  # as above
    return Y + 0 * conv2d(input, weight)


class _ChannelsLast(torch.autograd.Function):
    """Takes X as NHWC; dX comes a row short."""

    @staticmethod
    def forward(ctx: Any, X: Tensor, K: Tensor) -> Tensor:
        ctx.save_for_backward(X, K)
        return conv2d(X.permute(0, 3, 1, 2), K)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Any:
        (X, K), (G,) = ctx.saved_tensors, grad_outputs
        X = X.permute(0, 3, 1, 2)
        dX = conv2d_input(X.shape, K, G).permute(0, 2, 3, 1)
        return dX[:, :-1], conv2d_weight(X, K.shape, G)


def cropped_in_nhwc(input: Tensor, weight: Tensor) -> Tensor:
    """The Function sees X in another layout."""
    Y: Tensor = _ChannelsLast.apply(input.permute(0, 2, 3, 1).contiguous(), weight)  # type: ignore[no-untyped-call]  # as above
    return Y


class _First(torch.autograd.Function):
    """The first order is right and is differentiated by a Function of its own."""

    @staticmethod
    def forward(ctx: Any, X: Tensor, K: Tensor) -> Tensor:
        ctx.save_for_backward(X, K)
        return conv2d(X, K)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Any:
        X, K = ctx.saved_tensors
        return _Second.apply(X, K, grad_outputs[0])  # type: ignore[no-untyped-call]  # as above


class _Second(torch.autograd.Function):
    """Returns twice the rows of the gradient in G."""

    @staticmethod
    def forward(ctx: Any, X: Tensor, K: Tensor, G: Tensor) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(X, K, G)
        return conv2d_input(X.shape, K, G), conv2d_weight(X, K.shape, G)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Any:
        (X, K, G), (V, W) = ctx.saved_tensors, grad_outputs
        in_G = conv2d(V, K) + conv2d(X, W)
        return (
            conv2d_input(X.shape, W, G),
            conv2d_weight(V, K.shape, G),
            torch.cat((in_G, torch.zeros_like(in_G))),
        )


def second_order_repeated(input: Tensor, weight: Tensor) -> Tensor:
    Y: Tensor = _First.apply(input, weight)  # type: ignore[no-untyped-call]  # as above
    return Y


class Adapter:
    """Over numpy, by torch; what its vjp returns of dX and dK is changed."""

    def __init__(self, dX: Change = _same, dK: Change = _same) -> None:
        self.changes = dX, dK

    def forward(self, input: Any, weight: Any, bias: Any, **options: Any) -> Any:
        b = None if bias is None else torch.from_numpy(bias)
        return conv2d(torch.from_numpy(input), torch.from_numpy(weight), b, **options).numpy()

    def vjp(self, grad_output: Any, input: Any, weight: Any, bias: Any, **options: Any) -> Any:
        G, X, K = map(torch.from_numpy, (grad_output, input, weight))
        dX, dK = conv2d_input(X.shape, K, G, **options), conv2d_weight(X, K.shape, G, **options)
        db = None if bias is None else G.sum((0, 2, 3)).numpy()
        return self.changes[0](dX.numpy()), self.changes[1](dK.numpy()), db


stacked_adapter = Adapter(dX=lambda dX: np.stack((dX, 0 * dX)))
float64_adapter = Adapter(dK=lambda dK: dK.astype(np.float64))
