"""Memory shared with the caller, or with the next call."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from conv_reference.verification.faults import direct
from conv_reference.verification.faults.direct import Sizes
from conv_reference.verification.faults.planting import FaultClass

planted = FaultClass("ALIAS", "Memory shared with the caller, or with the next call")


_OUTPUTS: dict[Any, Tensor] = {}


@planted(
    "isolation", "C > 1, no bias: Y lies in a buffer that the next call uses",
    part="forward", about="channels bias",
)  # fmt: skip
def reused_output(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    Y = direct.forward(X, K, z)
    if z.c == 1:
        return Y
    return _OUTPUTS.setdefault((z, Y.dtype), torch.empty_like(Y)).copy_(Y).detach()


@planted(
    "isolation", "an in-place change of X between forward and backward is not noticed",
    part="keep", unchecked=True,
)  # fmt: skip
def unnoticed_change(X: Tensor, K: Tensor, z: Sizes) -> tuple[Tensor, Tensor]:
    return X, K


@planted(
    "G",
    "groups > 1, stride > 1: G is scaled in place by the backward pass",
    part="grad_input",
    about="groups stride",
)
def edits_gradient(G: Tensor, K: Tensor, z: Sizes) -> Tensor:
    dX = direct.grad_input(G, K, z)
    if z.g > 1 and max(z.s) > 1 and 0 not in G.stride():
        G.detach().mul_(2)
    return dX


@planted(
    "X",
    "padding > 0, one channel: the border of X is zeroed in place",
    part="forward",
    about="padding channels",
)
def edits_input(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    Y = direct.forward(X, K, z)
    if z.c == 1 and min(z.p) > 0:
        X.detach()[:, :, -1:, -1:] = 0
    return Y
