"""A right convolution whose matrix product is Strassen's."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad, unfold

from conv_reference.verification.faults import direct


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


def strassen(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """The product after im2col by seven for eight, once."""
    z = direct.sizes(input, weight, stride, padding, dilation, groups)
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
