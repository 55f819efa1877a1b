"""A right transposed convolution, made of the parts of the right convolution whose adjoint it is.

Its sizes are those of that convolution: c, h and w are of Y, o, oh and ow are of X, and the rows
and columns that no stride reaches (``rest``) are the output padding. So each number of X is spread
over a window of Y, dX is gathered from windows of G, and dK is the product of X with them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from torch import Tensor

from conv_reference.verification.faults import direct, windows
from conv_reference.verification.faults.direct import Pair, Parts, Sizes, pair


def spread(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    """Y, without a bias: each number of X times the kernel, added over its window."""
    return direct.grad_input(X, K, z)


def gathered(G: Tensor, K: Tensor, z: Sizes) -> Tensor:
    """DX: the kernel's product with each window of G."""
    return direct.forward(G, K, z)


def grad_weight(G: Tensor, X: Tensor, z: Sizes) -> Tensor:
    """DK: each tap's product of X with what it met of G."""
    return direct.grad_weight(X, G, z)


def spread_at(X: Tensor, K: Tensor, z: Sizes, rows: Tensor, columns: Tensor) -> Tensor:
    """Y, with windows at these rows and columns of it."""
    return windows.grad_input_at(X, K, z, rows, columns)


def gathered_at(G: Tensor, K: Tensor, z: Sizes, rows: Tensor, columns: Tensor) -> Tensor:
    """DX, from windows at these rows and columns of G."""
    return windows.forward_at(G, K, z, rows, columns)


def grad_weight_at(G: Tensor, X: Tensor, z: Sizes, rows: Tensor, columns: Tensor) -> Tensor:
    """DK, with windows at these rows and columns of G."""
    return windows.grad_weight_at(X, G, z, rows, columns)


def check(X: Tensor, K: Tensor, b: Tensor | None, z: Sizes, extra: Pair) -> None:
    """Refuse what is no transposed convolution; ``extra`` is the output padding."""
    if min(z.s) < 1 or min(z.d) < 1 or min(z.p) < 0 or z.g < 1 or min(extra) < 0:
        raise ValueError(f"stride {z.s}, padding {z.p}, dilation {z.d} or groups {z.g} too small")
    if extra[0] >= z.s[0] or extra[1] >= z.s[1]:
        raise ValueError(f"an output padding {extra} as large as the stride {z.s}")
    if X.shape[1] != z.o or z.o % z.g:
        raise ValueError(f"{X.shape[1]} channels do not fit {tuple(K.shape)} in {z.g} groups")
    if min(z.h, z.w) < 1:
        raise ValueError(f"nothing is left of an output of {z.h} by {z.w}")
    for other in (K,) if b is None else (K, b):
        if other.dtype != X.dtype or other.device != X.device:
            raise ValueError("the operands differ in dtype or device")
    if b is not None and b.shape != (z.c,):
        raise ValueError(f"a bias of shape {tuple(b.shape)} for {z.c} channels")


jvp = partial(direct.jvp, of=spread)
PARTS = Parts(check, spread, grad_input=gathered, grad_weight=grad_weight, jvp=jvp)


def sizes(
    X: Tensor,
    K: Tensor,
    stride: int | Pair,
    padding: int | Pair,
    dilation: int | Pair,
    groups: int,
    extra: Pair,
) -> Sizes:
    """Those of the convolution whose output is X and whose input is Y."""
    if X.dim() != 4 or K.dim() != 4:
        raise ValueError(f"four dimensions each, got {tuple(X.shape)} and {tuple(K.shape)}")
    o, cg, kh, kw = K.shape
    s, p, d = pair(stride), pair(padding), pair(dilation)
    z = Sizes(X.shape[0], cg * groups, 0, 0, o, kh, kw, s, p, d, groups)
    h, w = (
        (X.shape[2 + axis] - 1) * s[axis] - 2 * p[axis] + z.span[axis] + extra[axis]
        for axis in (0, 1)
    )
    return replace(z, h=h, w=w)


def convolution(**exchanged: Any) -> Callable[..., Tensor]:
    """The transposed convolution with these parts exchanged, with torch's signature."""
    parts = replace(PARTS, **exchanged)
    apply = direct.differentiable(parts)

    def conv_transpose2d(
        input: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: int | Pair = 1,
        padding: int | Pair = 0,
        output_padding: int | Pair = 0,
        groups: int = 1,
        dilation: int | Pair = 1,
    ) -> Tensor:
        extra = pair(output_padding)
        z = sizes(input, weight, stride, padding, dilation, groups, extra)
        parts.check(input, weight, bias, z, extra)
        return parts.finish(apply(input, weight, bias, z), z)

    return conv_transpose2d


conv_transpose2d = convolution()
