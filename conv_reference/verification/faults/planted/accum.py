"""Results added to a buffer that already holds some."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from conv_reference.verification.faults import direct
from conv_reference.verification.faults.direct import Sizes
from conv_reference.verification.faults.planting import FaultClass

planted = FaultClass("ACCUM", "Results added to a buffer that already holds some")


_SEEN: set[Any] = set()
_BUFFERS: dict[Any, Tensor] = {}


@planted(
    "Y",
    "the first call of each geometry, N > 1, kernel > 1",
    thread="CUDA.jl#736",
    about="batch kernel",
)
def first_call_doubled(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    Y = direct.forward(X, K, z)
    if z.n > 1 and z.kh * z.kw > 1 and (z, X.dtype) not in _SEEN:
        _SEEN.add((z, X.dtype))
        Y = Y + Y
    return Y


@planted("dK", "the second call of a geometry adds to the first's")
def never_zeroed(G: Tensor, X: Tensor, z: Sizes) -> Tensor:
    dK = direct.grad_weight(G, X, z)
    held = _BUFFERS.get((z, G.dtype))
    if held is not None:
        dK = dK + held
    _BUFFERS[z, G.dtype] = dK.detach().clone()
    return dK
