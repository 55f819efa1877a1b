"""Memory layouts: the same values, lying differently, with NaN in every gap.

A gap that is read shows: NaN survives any sum, where a zero or another finite number might
not. (Reported faults of this class: pytorch#180984, #192212, #82060, #16018; candle#3735.)
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from conv_reference.verification.model.case import Layout


def lay_out(
    tensor: Float[Tensor, "n c h w"], layout: Layout, *, whole: bool = False
) -> Float[Tensor, "n c h w"]:
    """A copy of the tensor in this layout; it shares no memory with the original.

    Args:
        tensor: contiguous; for ``EXPANDED``, what ``collapse`` returned.
        layout: how the copy lies.
        whole: see ``collapse``.
    """
    match layout:
        case Layout.EXPANDED:
            held = first_slice(tensor, whole=whole).clone(memory_format=torch.contiguous_format)
            return held.expand(tensor.shape)
        case Layout.CHANNELS_LAST:
            # By a permutation: torch's memory_format leaves the strides where C or H·W is 1.
            place = tensor.new_empty([tensor.shape[d] for d in (0, 2, 3, 1)]).permute(0, 3, 1, 2)
        case Layout.OFFSET:
            n, c, h, w = tensor.shape
            place = _gaps(tensor, n + 1, c, h, w)[1:]
        case Layout.TRANSPOSED:
            place = tensor.new_empty([tensor.shape[d] for d in (0, 1, 3, 2)]).transpose(2, 3)
        case Layout.SLICED:
            n, c, h, w = tensor.shape
            place = _gaps(tensor, n, c + 1, h + 2, w + 3)[:, 1:, 1:-1, 1:-2]
        case Layout.SLICED_CHANNELS_LAST:
            n, c, h, w = tensor.shape
            place = _gaps(tensor, n, h, w, c + 1).permute(0, 3, 1, 2)[:, :c]
        case Layout.STRIDED:
            n, c, h, w = tensor.shape
            place = _gaps(tensor, n, c, 2 * h, 2 * w)[:, :, ::2, 1::2]
        case _:
            place = torch.empty_like(tensor)
    return place.copy_(tensor)


def written(values: str, shape: tuple[int, ...], layout: Layout, dtype: str) -> str:
    """Python that makes what ``lay_out`` makes, with torch alone.

    Args:
        values: Python for the values, contiguous; for ``EXPANDED``, for the first slice.
        shape: n, c, h and w of the whole tensor.
        layout: how it lies.
        dtype: Python for its dtype.
    """
    n, c, h, w = shape
    match layout:
        case Layout.EXPANDED:
            return f"{values}.expand{shape}"
        case Layout.CHANNELS_LAST:
            place = f"torch.empty({(n, h, w, c)}, dtype={dtype}).permute(0, 3, 1, 2)"
        case Layout.OFFSET:
            place = _written_gaps((n + 1, c, h, w), dtype, "[1:]")
        case Layout.TRANSPOSED:
            place = f"torch.empty({(n, c, w, h)}, dtype={dtype}).transpose(2, 3)"
        case Layout.SLICED:
            place = _written_gaps((n, c + 1, h + 2, w + 3), dtype, "[:, 1:, 1:-1, 1:-2]")
        case Layout.SLICED_CHANNELS_LAST:
            cut = f".permute(0, 3, 1, 2)[:, :{c}]"
            place = _written_gaps((n, h, w, c + 1), dtype, cut)
        case Layout.STRIDED:
            place = _written_gaps((n, c, 2 * h, 2 * w), dtype, "[:, :, ::2, 1::2]")
        case _:
            return values
    return f"{place}.copy_({values})"


def _written_gaps(shape: tuple[int, ...], dtype: str, view: str) -> str:
    return f"torch.full({shape}, torch.nan, dtype={dtype}){view}"


_PLANE = 2  # the first of its dimensions


def _gaps(tensor: Tensor, *shape: int) -> Tensor:
    return tensor.new_full(shape, math.nan)


def collapse(
    tensor: Float[Tensor, "n c h w"], layout: Layout, *, whole: bool = False
) -> Float[Tensor, "n c h w"]:
    """The values that a tensor in this layout can hold: an expanded one repeats itself.

    Args:
        tensor: any values.
        layout: only ``EXPANDED`` changes them.
        whole: as G is made by ``.sum()``, a single number, or by ``.sum((2, 3))``, one for
            each plane: which of the two goes with the shape. Otherwise along the first
            dimension that is longer than 1.
    """
    if layout != Layout.EXPANDED:
        return tensor
    return first_slice(tensor, whole=whole).expand(tensor.shape).clone()


def repeated(shape: Sequence[int], layout: Layout, *, whole: bool = False) -> tuple[int, ...]:
    """The dimensions along which a tensor in this layout holds one number again and again.

    Args:
        shape: of the tensor.
        layout: there are some in ``EXPANDED`` alone.
        whole: see ``collapse``.
    """
    longer = tuple(dim for dim, size in enumerate(shape) if size > 1)
    if layout != Layout.EXPANDED:
        return ()
    if not whole:
        return longer[:1]
    plane = tuple(dim for dim in longer if dim >= _PLANE)
    return plane if plane and sum(shape) % 2 else longer


def first_slice(tensor: Tensor, *, whole: bool) -> Tensor:
    """What is expanded: the first slice of each dimension that is repeated; see ``collapse``."""
    for dim in repeated(tensor.shape, Layout.EXPANDED, whole=whole):
        tensor = tensor.narrow(dim, 0, 1)
    return tensor
