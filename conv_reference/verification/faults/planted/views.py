"""Views of larger tensors, which cannot be seen from their sizes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from conv_reference.verification.faults import direct
from conv_reference.verification.faults.direct import Sizes
from conv_reference.verification.faults.planted.layout import contiguous_strides, reinterpreted
from conv_reference.verification.faults.planting import FaultClass

views = FaultClass("VIEW", "A view cut out of a larger tensor, read by its sizes")
expanded = FaultClass("EXPANDED", "Stride 0 taken for something else")
formats = FaultClass("FORMAT", "Memory formats, and what is deduced from them")


@views(
    "Y",
    "a chunk of channels, N > 1: the gap between samples is not seen",
    blind=1,
    about="batch channels layout",
)
def chunk_of_channels(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    image = z.c * z.h * z.w
    if z.n > 1 and X.stride()[1:] == (z.h * z.w, z.w, 1) and X.stride(0) > image:
        X = reinterpreted(X, contiguous_strides(X.size()))
    return direct.forward(X, K, z)


@views(
    "Y",
    "dimensions 0 and 1 of the kernel exchanged (tied weights), C = O: taken for dense",
    blind=1,
    about="kernel channels layout",
)
def tied_kernel(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if z.g == 1 and z.c == z.o > 1 and K.stride(0) < K.stride(1):
        K = K.transpose(0, 1)
    return direct.forward(X, K, z)


@views(
    "dX",
    "upstream gradient with rows cut off, O > 1: planes are taken for dense",
    blind=1,
    about="channels layout",
)
def rows_cut_off(G: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if z.o > 1 and G.stride()[2:] == (z.ow, 1) and G.stride(1) > z.oh * z.ow:
        G = reinterpreted(G, (G.stride(0), z.oh * z.ow, z.ow, 1))
    return direct.grad_input(G, K, z)


class _ReadsDense(torch.autograd.Function):
    """The identity, whose upstream gradient is read as if it were contiguous."""

    generate_vmap_rule = True

    @staticmethod
    def forward(tensor: Tensor) -> Tensor:
        return tensor.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Tensor:
        (V,) = grad_outputs
        return reinterpreted(V, contiguous_strides(V.size()))


@views(
    "second order",
    "what multiplies dK is not contiguous: its strides are ignored",
    part="grad_weight",
    blind=1,
    about="layout",
)
def second_order_strides(G: Tensor, X: Tensor, z: Sizes) -> Tensor:
    dK: Tensor = _ReadsDense.apply(direct.grad_weight(G, X, z))  # type: ignore[no-untyped-call]  # torch's `apply` is untyped
    return dK


@expanded(
    "dK",
    "one image expanded over the batch: the first sample counts for all",
    blind=1,
    about="batch layout",
)
def grey_image(G: Tensor, X: Tensor, z: Sizes) -> Tensor:
    if z.n > 1 and X.stride(0) == 0:
        G = G[:1].expand(G.shape)
    return direct.grad_weight(G, X, z)


@formats(
    "Y", "input in channels_last behind an offset, which is forgotten", blind=1, about="layout"
)
def offset_behind_last(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    last = X.is_contiguous(memory_format=torch.channels_last) and not X.is_contiguous()
    return direct.forward(reinterpreted(X, X.stride(), 0) if last else X, K, z)


@formats(
    "Y", "C = 1, kernel > 1 in channels_last, more than one output channel: read as dense planes",
    thread="pytorch#82060", blind=2, about="kernel channels layout",
)  # fmt: skip
def last_kernel_of_one_channel(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if z.c == 1 and z.o > 1 and z.kh * z.kw > 1 and K.stride(1) == 1:
        K = K.roll(1, 3)
    return direct.forward(X, K, z)
