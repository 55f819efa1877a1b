"""Windows read, and shares given, at any rows and columns."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from conv_reference.verification.faults import direct
from conv_reference.verification.faults.direct import Sizes


def positions(z: Sizes) -> tuple[Tensor, Tensor]:
    """The rows (oh, kh) and columns (ow, kw) of X that the outputs read; some lie outside."""
    rows = torch.arange(z.oh)[:, None] * z.s[0] + torch.arange(z.kh) * z.d[0] - z.p[0]
    columns = torch.arange(z.ow)[:, None] * z.s[1] + torch.arange(z.kw) * z.d[1] - z.p[1]
    return rows, columns


def positions_with(z: Sizes, **changes: Any) -> tuple[Tensor, Tensor]:
    """The same under another stride, padding or dilation; as many outputs."""
    wrong = replace(z, **changes)
    rows = torch.arange(z.oh)[:, None] * wrong.s[0] + torch.arange(z.kh) * wrong.d[0] - wrong.p[0]
    columns = torch.arange(z.ow)[:, None] * wrong.s[1] + torch.arange(z.kw) * wrong.d[1]
    return rows, columns - wrong.p[1]


def flat_positions(z: Sizes, rows: Tensor, columns: Tensor) -> Tensor:
    """(oh, ow, kh, kw) into the flattened image; one past its end for what lies outside."""
    rows, columns = rows[:, None, :, None], columns[None, :, None, :]
    inside = (rows >= 0) & (rows < z.h) & (columns >= 0) & (columns < z.w)
    return torch.where(inside, rows * z.w + columns, z.h * z.w)


def read(X: Tensor, z: Sizes, flat: Tensor) -> Tensor:
    """As ``direct.windows``, at these positions."""
    image = torch.cat([X.flatten(2), torch.zeros_like(X[:, :, 0, :1])], dim=2)
    seen: Tensor = image[:, :, flat].unflatten(1, (z.g, z.cg))
    return seen


def give(shares: Tensor, z: Sizes, flat: Tensor) -> Tensor:
    """As ``direct.gathered``, at these positions."""
    shares = shares.permute(0, 1, 4, 5, 2, 3).flatten(2)
    image = torch.zeros_like(shares[:, :, :1]).expand(-1, -1, z.h * z.w + 1)
    image = image.index_add(2, flat.flatten(), shares)[:, :, :-1]
    dX: Tensor = image.unflatten(2, (z.h, z.w))
    return dX


def forward_of(windows: Tensor, K: Tensor, z: Sizes) -> Tensor:
    K = K.unflatten(0, (z.g, z.og))
    Y: Tensor = torch.einsum("ngcijab,gocab->ngoij", windows, K).flatten(1, 2)
    return Y


def grad_weight_of(G: Tensor, windows: Tensor, z: Sizes) -> Tensor:
    G = G.unflatten(1, (z.g, z.og))
    dK: Tensor = torch.einsum("ngcijab,ngoij->gocab", windows, G).flatten(0, 1)
    return dK


def forward_at(X: Tensor, K: Tensor, z: Sizes, rows: Tensor, columns: Tensor) -> Tensor:
    return forward_of(read(X, z, flat_positions(z, rows, columns)), K, z)


def grad_input_at(G: Tensor, K: Tensor, z: Sizes, rows: Tensor, columns: Tensor) -> Tensor:
    return give(direct.shares(G, K, z), z, flat_positions(z, rows, columns))


def grad_weight_at(G: Tensor, X: Tensor, z: Sizes, rows: Tensor, columns: Tensor) -> Tensor:
    return grad_weight_of(G, read(X, z, flat_positions(z, rows, columns)), z)
