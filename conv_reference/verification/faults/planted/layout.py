"""Strides, storage offsets and memory formats that are not looked at."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from conv_reference.verification.faults import direct
from conv_reference.verification.faults.direct import Sizes
from conv_reference.verification.faults.planting import FaultClass

planted = FaultClass("LAYOUT", "Strides, storage offsets and memory formats that are not looked at")


def contiguous_strides(size: Sequence[int]) -> list[int]:
    strides = [1]
    for extent in reversed(size[1:]):
        strides.insert(0, strides[0] * extent)
    return strides


def reinterpreted(tensor: Tensor, strides: Sequence[int], offset: int | None = None) -> Tensor:
    """The storage read by other strides, where it is large enough."""
    start = int(tensor.storage_offset()) if offset is None else offset
    last = start + sum((n - 1) * s for n, s in zip(tensor.shape, strides, strict=True))
    if last >= tensor.untyped_storage().nbytes() // tensor.element_size():
        return tensor
    return tensor.as_strided(tensor.size(), strides, start)


@planted(
    "Y",
    "input of one channel that is not contiguous, kernel wider than one",
    about="kernel channels layout",
)
def ignores_input_strides(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if z.c == 1 and z.kw > 1:
        X = reinterpreted(X, contiguous_strides(X.size()))
    return direct.forward(X, K, z)


@planted(
    "Y",
    "kernel that is not contiguous, more than one output channel",
    about="kernel channels layout",
)
def ignores_kernel_strides(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if z.o > 1:
        K = reinterpreted(K, contiguous_strides(K.size()))
    return direct.forward(X, K, z)


@planted(
    "Y",
    "one channel sliced out of a channels_last tensor",
    thread="pytorch#180984",
    about="channels layout",
)
def ignores_channel_slice(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if z.c == 1 and z.h * z.w > 1 and X.stride(3) == 2 and X.stride(2) == 2 * z.w:
        X = reinterpreted(X, (z.h * z.w, 1, z.w, 1))
    return direct.forward(X, K, z)


@planted(
    "Y",
    "channels_last input decides how a contiguous kernel is read; kernel > 1",
    about="kernel layout",
)
def kernel_follows_input(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if X.is_contiguous(memory_format=torch.channels_last) and not X.is_contiguous():
        _, c, kh, kw = K.shape
        K = reinterpreted(K, (c * kh * kw, 1, kw * c, c))
    return direct.forward(X, K, z)


@planted(
    "dX",
    "upstream gradient that is not contiguous, stride > 1",
    thread="fla PR#871",
    about="stride layout",
)
def ignores_gradient_strides(G: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if max(z.s) > 1:
        G = reinterpreted(G, contiguous_strides(G.size()))
    return direct.grad_input(G, K, z)


@planted(
    "dX",
    "sliced kernel whose offset is forgotten, groups = 1, dilation = 1",
    about="groups dilation kernel layout",
)
def drops_kernel_offset(G: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if z.g == 1 and z.d == (1, 1):
        K = reinterpreted(K, K.stride(), 0)
    return direct.grad_input(G, K, z)


@planted("dK", "upstream gradient expanded from one number, taken for ones", about="layout")
def expanded_is_ones(G: Tensor, X: Tensor, z: Sizes) -> Tensor:
    if G.numel() > 1 and not any(s for n, s in zip(G.shape, G.stride(), strict=True) if n > 1):
        G = torch.ones_like(G)
    return direct.grad_weight(G, X, z)


@planted(
    "Y", "contiguous input behind another sample, whose offset is forgotten", about="batch layout"
)
def drops_contiguous_input_offset(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    return direct.forward(without_offset(X), K, z)


@planted("dX", "contiguous kernel behind another, whose offset is forgotten", about="kernel layout")
def drops_contiguous_kernel_offset(G: Tensor, K: Tensor, z: Sizes) -> Tensor:
    return direct.grad_input(G, without_offset(K), z)


@planted(
    "dK",
    "contiguous upstream gradient behind another sample, whose offset is forgotten",
    about="batch layout",
)
def drops_contiguous_gradient_offset(G: Tensor, X: Tensor, z: Sizes) -> Tensor:
    return direct.grad_weight(without_offset(G), X, z)


def without_offset(tensor: Tensor) -> Tensor:
    return reinterpreted(tensor, tensor.stride(), 0) if tensor.is_contiguous() else tensor


@planted(
    "dX", "upstream gradient expanded over each plane, as sum((2, 3)) makes it", about="layout"
)
def expanded_plane_is_one_number(G: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if G.stride()[2:] == (0, 0) and any(G.stride()):
        G = G[:1, :1].expand(G.shape)
    return direct.grad_input(G, K, z)
