"""Memory layouts: the same values, lying differently, with NaN in every gap.

A gap that is read shows: NaN survives any sum, where a zero or another finite number might
not. (Reported faults of this class: pytorch#180984, #192212, #82060, #16018; candle#3735.)
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from conv_reference.verification.case import Layout


_C = torch.contiguous_format


def lay_out(
    tensor: Float[Tensor, "n c h w"], layout: Layout, *, whole: bool = False
) -> Float[Tensor, "n c h w"]:
    """A copy of the tensor in this layout; it shares no memory with the original.

    Args:
        tensor: contiguous; for ``EXPANDED``, what ``collapse`` returned.
        layout: how the copy lies.
        whole: see ``collapse``.
    """
    if layout == Layout.CONTIGUOUS:
        return tensor.clone()
    match layout:
        case Layout.CHANNELS_LAST:
            # By a permutation: torch's memory_format leaves the strides where C or H·W is 1.
            return tensor.permute(0, 2, 3, 1).clone(memory_format=_C).permute(0, 3, 1, 2)
        case Layout.TRANSPOSED:
            return tensor.transpose(2, 3).clone(memory_format=_C).transpose(2, 3)
        case Layout.SLICED:
            n, c, h, w = tensor.shape
            room = tensor.new_full((n, c + 1, h + 2, w + 3), math.nan)
            return _placed(tensor, room[:, 1:, 1:-1, 1:-2])
        case Layout.SLICED_CHANNELS_LAST:
            n, c, h, w = tensor.shape
            room = tensor.new_full((n, h, w, c + 1), math.nan).permute(0, 3, 1, 2)
            return _placed(tensor, room[:, :c])
        case Layout.STRIDED:
            n, c, h, w = tensor.shape
            room = tensor.new_full((n, c, 2 * h, 2 * w), math.nan)
            return _placed(tensor, room[:, :, ::2, 1::2])
        case Layout.EXPANDED:
            return _first(tensor, whole=whole).clone().expand(tensor.shape)


def collapse(
    tensor: Float[Tensor, "n c h w"], layout: Layout, *, whole: bool = False
) -> Float[Tensor, "n c h w"]:
    """The values that a tensor in this layout can hold: an expanded one repeats itself.

    Args:
        tensor: any values.
        layout: only ``EXPANDED`` changes them.
        whole: repeat a single number, as ``.sum()`` does for G; otherwise along the first
            dimension that is longer than 1.
    """
    if layout != Layout.EXPANDED:
        return tensor
    return _first(tensor, whole=whole).expand(tensor.shape).clone()


def _first(tensor: Tensor, *, whole: bool) -> Tensor:
    """What is expanded: a single number, or one slice of the first longer dimension."""
    if whole:
        return tensor[:1, :1, :1, :1]
    longer = (dim for dim, size in enumerate(tensor.shape) if size > 1)
    dim = next(longer, None)
    return tensor if dim is None else tensor.narrow(dim, 0, 1)


def _placed(tensor: Tensor, place: Tensor) -> Tensor:
    place.copy_(tensor)
    return place
