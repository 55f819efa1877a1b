"""The bias: where it is added, how often, and which numbers of it."""

from __future__ import annotations

import torch
from torch import Tensor

from conv_reference.verification.faults import direct
from conv_reference.verification.faults.direct import Sizes
from conv_reference.verification.faults.planting import FaultClass

planted = FaultClass("BIAS", "The bias, and where it is added")
pointwise = FaultClass("POINTWISE", "Kernels of one tap")


@pointwise(
    "Y",
    "1×1 kernel, padding > 0: no bias on the border",
    part="add_bias",
    blind=2,
    about="padding kernel",
)
def no_bias_on_the_border(Y: Tensor, b: Tensor, z: Sizes) -> Tensor:
    if (z.kh, z.kw) != (1, 1) or z.p[0] == 0:
        return direct.add_bias(Y, b, z)
    inside = torch.ones_like(Y[:1, :1])
    inside[:, :, 0] = 0
    return Y + b[:, None, None] * inside


@planted("Y", "not-a-number in the bias is taken for zero", part="add_bias", blind=1, about="bias")
def nan_bias(Y: Tensor, b: Tensor, z: Sizes) -> Tensor:
    return direct.add_bias(Y, torch.where(b.isnan(), 0, b), z)


@planted(
    "Y",
    "as many groups as output channels, no sample less than three: added twice",
    part="add_bias",
    blind=2,
    about="groups batch channels",
)
def bias_twice(Y: Tensor, b: Tensor, z: Sizes) -> Tensor:
    twice = z.g == z.o > 1 and z.n >= 3
    return direct.add_bias(Y, b + b if twice else b, z)
