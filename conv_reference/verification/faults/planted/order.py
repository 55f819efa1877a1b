"""Dimensions in the wrong order."""

from __future__ import annotations

from torch import Tensor

from conv_reference.verification.faults import direct
from conv_reference.verification.faults.direct import Sizes
from conv_reference.verification.faults.planting import FaultClass

planted = FaultClass("ORDER", "Dimensions in the wrong order")


@planted(
    "dK", "C = O > 2, one group, square kernel: (C, O) for (O, C)", about="groups kernel channels"
)
def channels_exchanged(G: Tensor, X: Tensor, z: Sizes) -> Tensor:
    dK = direct.grad_weight(G, X, z)
    return dK.transpose(0, 1) if z.g == 1 and z.c == z.o > 2 and z.kh == z.kw else dK
