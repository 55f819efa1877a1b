"""The nearest sizes that a convention allows: of one axis, large enough, padded of itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from conv_reference.geometry import Geometry, Pair
from conv_reference.padding_modes import least_size


def enlarged(geometry: Geometry, changes: Mapping[str, Any]) -> Geometry:
    """The geometry with the changes, its input large enough for the kernel and the padding."""
    names = ("kernel_size", "dilation", "padding", "padding_mode")
    kernel, dilation, padding, mode = (changes.get(key, getattr(geometry, key)) for key in names)
    height, width = (
        max(size, d * (k - 1) + 1 - sum(sides), least_size(sides, mode))
        for size, k, d, sides in zip(geometry.input_size, kernel, dilation, padding, strict=True)
    )
    size: Pair = (height, width)
    return replace(geometry, input_size=size, **changes)


def with_remainder(geometry: Geometry, remainder: Pair) -> Geometry:
    """The geometry with another remainder, which is below its stride."""
    height, width = (
        size + wanted - found + (stride if size + wanted <= found else 0)
        for size, wanted, found, stride in zip(
            geometry.input_size, remainder, geometry.remainder, geometry.stride, strict=True
        )
    )
    size: Pair = (height, width)
    return replace(geometry, input_size=size)


def flattened(geometry: Geometry) -> Geometry:
    """The geometry of its width alone."""
    flat: dict[str, Any] = {
        name: (1, getattr(geometry, name)[1])
        for name in ("input_size", "kernel_size", "stride", "dilation")
    }
    return replace(geometry, padding=((0, 0), geometry.padding[1]), **flat)


def _half_padded(geometry: Geometry) -> Geometry:
    """The geometry padded by half the kernel on each side, rounded down.

    >>> print(_half_padded(Geometry.parse("n1 c1 h4 w4 o1 k3x2")))
    n1 c1 h4 w4 o1 k3x2 s1 p1 d1 g1
    """
    rows, columns = (size // 2 for size in geometry.kernel_size)
    return replace(geometry, padding=((rows, rows), (columns, columns)))


def with_same_padding(geometry: Geometry) -> Geometry:
    """The geometry padded as TensorFlow's SAME does: outputs are inputs by the stride, rounded up.

    Where the padding is odd, the greater part is below and on the right.
    """
    whole = (
        max(0, (-(-size // stride) - 1) * stride + dilation * (kernel - 1) + 1 - size)
        for size, kernel, stride, dilation in zip(
            geometry.input_size,
            geometry.kernel_size,
            geometry.stride,
            geometry.dilation,
            strict=True,
        )
    )
    rows, columns = ((total // 2, total - total // 2) for total in whole)
    return replace(geometry, padding=(rows, columns))


# What layers without a word for their padding do of themselves.
OWN_PADDINGS: Mapping[str, Callable[[Geometry], Geometry]] = {
    "half the kernel": _half_padded,
    "TensorFlow's SAME": with_same_padding,
}
