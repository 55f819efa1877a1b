"""Convolutions that keep fewer bits than their dtype, and do not transform."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from conv_reference.verification.faults import direct


class _Cut(torch.autograd.Function):
    """Chops a tensor, and its gradient, to so many bits."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor, bits: int) -> Tensor:
        ctx.bits = bits
        return chop(tensor, bits)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        return chop(gradients[0], ctx.bits), None


def chop(tensor: Tensor, bits: int) -> Tensor:
    mantissa, exponent = torch.frexp(tensor.double())
    cut = (mantissa * 2.0**bits).trunc() / 2.0**bits
    return torch.ldexp(cut, exponent).to(tensor.dtype)


def keeping(bits: int) -> Callable[..., Tensor]:
    """Operands and results chopped to so many bits."""

    def convolve(input: Tensor, weight: Tensor, bias: Tensor | None = None, *rest: Any) -> Tensor:
        X, K = _Cut.apply(input, bits), _Cut.apply(weight, bits)  # type: ignore[no-untyped-call]  # torch's `apply` is untyped
        Y: Tensor = _Cut.apply(direct.conv2d(X, K, bias, *rest), bits)  # type: ignore[no-untyped-call]  # as above
        return Y

    return _with_options(convolve)


def _with_options(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def convolve(
        input: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> Tensor:
        return function(input, weight, bias, stride, padding, dilation, groups)

    return convolve


class _Narrowed(torch.autograd.Function):
    """float32 to bfloat16 by its upper half alone; gradients, too."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:
        return _upper_half(tensor)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return gradients[0].float()


class _Widened(torch.autograd.Function):
    """bfloat16 to float32; the gradient back by its upper half."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:
        return tensor.float()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return _upper_half(gradients[0])


def _upper_half(tensor: Tensor) -> Tensor:
    bits = tensor.contiguous().view(torch.int32) & -(2**16)
    return bits.view(torch.float32).bfloat16()


def _by_upper_halves(input: Tensor, weight: Tensor, bias: Tensor | None, *rest: Any) -> Tensor:
    X, K = _Widened.apply(input), _Widened.apply(weight)  # type: ignore[no-untyped-call]  # as above
    b = None if bias is None else bias.float()
    Y: Tensor = _Narrowed.apply(direct.conv2d(X, K, b, *rest))  # type: ignore[no-untyped-call]  # as above
    return Y


chopped_bfloat16 = _with_options(_by_upper_halves)
