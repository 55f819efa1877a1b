"""An image with its border, in each padding mode but zeros; and the adjoint of that.

Only slices, flips and sums occur here: nobody's padding is called, and nobody's gradient of one.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from conv_reference.padding_modes import Mode, Pair


def padded(image: Tensor, padding: Sequence[Pair], mode: Mode) -> Tensor:
    """The image with its border, along its last two dimensions.

    Args:
        image: (..., H, W).
        padding: (top, bottom), (left, right).
        mode: any but zeros.
    """
    for axis, (before, after) in zip((-2, -1), padding, strict=True):
        size = image.shape[axis]
        if not before + after:
            continue
        match mode:
            case "circular":
                first = image.narrow(axis, size - before, before)
                last = image.narrow(axis, 0, after)
            case "reflect":
                first = image.narrow(axis, 1, before).flip(axis)
                last = image.narrow(axis, size - 1 - after, after).flip(axis)
            case _:
                first = image.narrow(axis, 0, 1).repeat_interleave(before, axis)
                last = image.narrow(axis, size - 1, 1).repeat_interleave(after, axis)
        image = torch.cat([first, image, last], axis)
    return image


def folded(gradient: Tensor, padding: Sequence[Pair], mode: Mode) -> Tensor:
    """The adjoint of ``padded``: what stands in the border is added to where it was taken from.

    Args:
        gradient: (..., top + H + bottom, left + W + right).
        padding: (top, bottom), (left, right).
        mode: any but zeros.
    """
    for axis, (before, after) in zip((-2, -1), padding, strict=True):
        size = gradient.shape[axis] - before - after
        first = gradient.narrow(axis, 0, before)
        last = gradient.narrow(axis, before + size, after)
        inner = gradient.narrow(axis, before, size).clone()
        match mode:
            case "circular":
                inner.narrow(axis, size - before, before).add_(first)
                inner.narrow(axis, 0, after).add_(last)
            case "reflect":
                inner.narrow(axis, 1, before).add_(first.flip(axis))
                inner.narrow(axis, size - 1 - after, after).add_(last.flip(axis))
            case _:
                inner.narrow(axis, 0, 1).add_(first.sum(axis, keepdim=True, dtype=first.dtype))
                inner.narrow(axis, size - 1, 1).add_(last.sum(axis, keepdim=True, dtype=last.dtype))
        gradient = inner
    return gradient
