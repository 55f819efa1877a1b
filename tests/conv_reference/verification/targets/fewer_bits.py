"""Convolutions that keep fewer bits than their dtype, and do not transform; and one that does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import direct
import torch
from torch import Tensor
from torch.nn.functional import pad, unfold


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


def _strassen(A: Tensor, B: Tensor) -> Tensor:
    """One level of seven products (Strassen, "Gaussian Elimination is not Optimal", 1969)."""
    (n, m), p = A.shape, B.shape[1]
    A, B = pad(A, (0, m % 2, 0, n % 2)), pad(B, (0, p % 2, 0, m % 2))
    (a, b), (c, d) = (row.chunk(2, 1) for row in A.chunk(2))
    (e, f), (g, h) = (row.chunk(2, 1) for row in B.chunk(2))
    one, two, three = (a + d) @ (e + h), (c + d) @ e, a @ (f - h)
    four, five, six, seven = d @ (g - e), (a + b) @ h, (c - a) @ (e + f), (b - d) @ (g + h)
    upper = torch.cat((one + four - five + seven, three + five), 1)
    return torch.cat((upper, torch.cat((two + four, one - two + three + six), 1)))[:n, :p]


def _by_strassen(input: Tensor, weight: Tensor, bias: Tensor | None, *rest: Any) -> Tensor:
    z = direct.sizes(input, weight, *rest)
    direct.check(input, weight, bias, z)
    parts = []
    for X, K in zip(input.chunk(z.g, 1), weight.chunk(z.g), strict=True):
        columns = unfold(X, (z.kh, z.kw), z.d, z.p, z.s)
        product = _strassen(K.flatten(1), columns.transpose(0, 1).flatten(1))
        parts.append(product.reshape(len(K), z.n, columns.shape[2]).transpose(0, 1))
    sizes = zip((z.h, z.w), z.p, z.d, (z.kh, z.kw), z.s, strict=True)
    out = [(n + 2 * p - d * (k - 1) - 1) // s + 1 for n, p, d, k, s in sizes]
    Y: Tensor = torch.cat(parts, 1).unflatten(2, out)
    return Y if bias is None else Y + bias[:, None, None]


strassen = _with_options(_by_strassen)
