"""Fewer bits multiplied or added than the dtype has."""

from __future__ import annotations

import torch
from torch import Tensor

from conv_reference.verification.faults import direct
from conv_reference.verification.faults.direct import Sizes
from conv_reference.verification.faults.planting import FaultClass

planted = FaultClass("PRECISION", "Fewer bits multiplied or added than the dtype has")


def ten_bits(tensor: Tensor) -> Tensor:
    """Rounded to the ten bits behind the point that TF32 keeps."""
    if tensor.dtype != torch.float32:
        return tensor
    bits = tensor.contiguous().view(torch.int32)
    return ((bits + 0x1000) & ~0x1FFF).view(torch.float32)


@planted("Y", "float32, more than four products: ten bits of X and K (TF32)", about="float32")
def tf32_forward(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if z.cg * z.kh * z.kw > 4:
        X, K = ten_bits(X), ten_bits(K)
    return direct.forward(X, K, z)


@planted("dX", "float64 worked in float32 where dilation > 1", about="dilation float32 float64")
def single_for_double(G: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if G.dtype == torch.float64 and max(z.d) > 1:
        return direct.grad_input(G.float(), K.float(), z).double()
    return direct.grad_input(G, K, z)


@planted("dK", "float32, N > 1: ten bits of G alone", about="batch float32")
def tf32_gradient(G: Tensor, X: Tensor, z: Sizes) -> Tensor:
    return direct.grad_weight(ten_bits(G) if z.n > 1 else G, X, z)


@planted("dK", "float16, N > 2: samples added in bfloat16", about="batch float16")
def bfloat16_sum(G: Tensor, X: Tensor, z: Sizes) -> Tensor:
    dK = direct.grad_weight(G, X, z)
    return dK.bfloat16().to(dK.dtype) if dK.dtype == torch.float16 and z.n > 2 else dK


@planted("db", "float32, more than one position: summed in half precision", about="plane float32")
def half_bias(G: Tensor, z: Sizes) -> Tensor:
    if G.dtype == torch.float32 and z.oh * z.ow > 1:
        return G.half().sum((0, 2, 3)).float()
    return direct.grad_bias(G, z)
