"""Memory layouts: the same values, lying differently, with NaN in every gap.

A gap that is read shows: NaN survives any sum, where a zero or another finite number might
not. (Reported faults of this class: pytorch#180984, #192212, #82060, #16018; candle#3735.)
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

import torch
from jaxtyping import Float
from torch import Tensor

from conv_reference.verification.model.case import Layout

_PLAIN = (0, 1, 2, 3)
_NONE = (0, 0, 0, 0)


@dataclass(frozen=True)
class _Parts:
    """A layout as a product: in which order the dimensions lie, and what of each is left out."""

    order: tuple[int, ...] = _PLAIN  # n, c, h and w in memory, the slowest first
    before: tuple[int, ...] = _NONE  # how much is cut off before the elements
    after: tuple[int, ...] = _NONE  # and after them
    step: tuple[int, ...] = (1, 1, 1, 1)

    @cached_property
    def back(self) -> tuple[int, ...]:
        """The permutation from memory to n, c, h and w."""
        return tuple(self.order.index(dim) for dim in _PLAIN)

    @cached_property
    def narrowed(self) -> tuple[int, ...]:
        """The dimensions of which something is left out."""
        parts = enumerate(zip(self.before, self.after, self.step, strict=True))
        return tuple(dim for dim, left_out in parts if left_out != (0, 0, 1))

    @cached_property
    def has_gaps(self) -> bool:
        return bool(self.narrowed)

    def held(self, dim: int, size: int) -> int:
        """How much of a dimension lies in memory."""
        before = self.before[dim] if self.step[dim] == 1 else 0
        return max(0, size * self.step[dim] + before + self.after[dim])

    def written(self, dim: int, size: int) -> str:
        """The slice of a dimension that the elements are, in Python."""
        first = f"{self.before[dim]}" if self.before[dim] else ""
        if self.step[dim] > 1:
            return f"{first}::{self.step[dim]}"
        # A size of 0 has no end that counts from behind.
        return f"{first}:{self.before[dim] + size}" if self.after[dim] else f"{first}:"


_LAST = (0, 2, 3, 1)  # n, h, w, c
_WHOLE = _Parts()
_PARTS: Mapping[Layout, _Parts] = MappingProxyType(
    {
        Layout.CONTIGUOUS: _WHOLE,
        Layout.CHANNELS_LAST: _Parts(_LAST),
        Layout.OFFSET: _Parts(before=(1, 0, 0, 0)),
        Layout.TRANSPOSED: _Parts((0, 1, 3, 2)),
        # A border on all sides: of an even width, even steps from an odd place.
        Layout.SLICED: _Parts(before=(0, 1, 1, 1), after=(0, 0, 1, 1)),
        Layout.SLICED_CHANNELS_LAST: _Parts(_LAST, after=(0, 1, 0, 0)),
        Layout.STRIDED: _Parts(before=(0, 0, 0, 1), step=(1, 1, 2, 2)),
        Layout.CHUNK: _Parts(after=(0, 1, 0, 0)),
        Layout.LAST_CHUNK: _Parts(before=(0, 1, 0, 0)),
        Layout.ROWS: _Parts(after=(0, 0, 1, 0)),
        Layout.COLUMNS: _Parts(after=(0, 0, 0, 1)),
        Layout.SAMPLES: _Parts(step=(2, 1, 1, 1)),
        Layout.CHANNELS_LAST_OFFSET: _Parts(_LAST, before=(1, 0, 0, 0)),
        Layout.CHANNELS_LAST_COLUMNS: _Parts(_LAST, after=(0, 0, 0, 1)),
        # Of one row the step is still two rows long, as of one phase of a stride.
        Layout.CHANNELS_LAST_ROWS: _Parts(_LAST, step=(1, 1, 2, 1), after=(0, 0, -1, 0)),
        Layout.IMAGE: _Parts(_LAST),  # where it is no batch of one
        Layout.EXCHANGED: _Parts((1, 0, 2, 3)),
    }
)


def lay_out(
    tensor: Float[Tensor, "n c h w"], layout: Layout, *, whole: bool = False
) -> Float[Tensor, "n c h w"]:
    """A copy of the tensor in this layout; it shares no memory with the original.

    Args:
        tensor: contiguous; for ``EXPANDED``, what ``collapse`` returned.
        layout: how the copy lies.
        whole: see ``collapse``.
    """
    if layout == Layout.EXPANDED:
        held = first_slice(tensor, whole=whole).clone(memory_format=torch.contiguous_format)
        return held.expand(tensor.shape)
    if _is_one_image(tensor.shape, layout):
        _, c, h, w = tensor.shape
        return tensor.new_empty((h, w, c)).permute(_IMAGE_BACK).unsqueeze(0).copy_(tensor)
    parts = _PARTS[layout]
    if parts is _WHOLE:
        return tensor.clone(memory_format=torch.contiguous_format)
    # By a permutation: torch's memory_format leaves the strides where C or H·W is 1.
    larger = [parts.held(dim, tensor.shape[dim]) for dim in parts.order]
    place = tensor.new_full(larger, math.nan) if parts.has_gaps else tensor.new_empty(larger)
    place = place.permute(parts.back)
    for dim in parts.narrowed:
        first = min(parts.before[dim], place.shape[dim])  # of a size of 0 nothing is held
        place = place.narrow(dim, first, place.shape[dim] - first)
        place = place[(slice(None),) * dim + (slice(None, None, parts.step[dim]),)]
        place = place.narrow(dim, 0, tensor.shape[dim])
    return place.copy_(tensor)


_IMAGE_BACK = (2, 0, 1)  # from h, w and c in memory to c, h and w


def _is_one_image(shape: Sequence[int], layout: Layout) -> bool:
    """Whether it is one: the step of its batch is then that of no batch in channels_last."""
    return layout == Layout.IMAGE and shape[0] == 1


def written(values: str, shape: tuple[int, ...], layout: Layout, dtype: str) -> str:
    """Python that makes what ``lay_out`` makes, with torch alone.

    Args:
        values: Python for the values, contiguous; for ``EXPANDED``, for the first slice.
        shape: n, c, h and w of the whole tensor.
        layout: how it lies.
        dtype: Python for its dtype.
    """
    if layout == Layout.EXPANDED:
        return f"{values}.expand{shape}"
    if _is_one_image(shape, layout):
        _, c, h, w = shape
        empty = f"torch.empty({h, w, c}, dtype={dtype})"
        return f"{empty}.permute{_IMAGE_BACK}.unsqueeze(0).copy_({values})"
    parts = _PARTS[layout]
    if parts is _WHOLE:
        return values
    larger = tuple(parts.held(dim, shape[dim]) for dim in parts.order)
    filled = f"full({larger}, torch.nan, " if parts.has_gaps else f"empty({larger}, "
    permuted = "" if parts.order == _PLAIN else f".permute{parts.back}"
    cut = ", ".join(parts.written(dim, shape[dim]) for dim in range(4))
    while cut.endswith(", :"):
        cut = cut[:-3]
    view = f"[{cut}]" if parts.has_gaps else ""
    return f"torch.{filled}dtype={dtype}){permuted}{view}.copy_({values})"


_PLANE = 2  # the first of its dimensions


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
