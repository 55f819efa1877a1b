"""Two geometries that differ in one option, of which some tensors have the same shapes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import product
from typing import Any

from conv_reference.geometry import Geometry, Pair

Apart = tuple[str, Geometry, Geometry]  # the option in which they differ
Axes = tuple[int, ...]  # along which they do
EITHER: tuple[Axes, ...] = ((0,), (1,))
BOTH: tuple[Axes, ...] = ((0, 1),)


def _of_the_same_operands(geometry: Geometry, which: Iterable[Axes]) -> Iterator[Apart]:
    """X and K of the same shapes: one option is larger or smaller by 1."""
    for axes in which:
        for option, other in _with_another_option(geometry, axes):
            yield option, geometry, other


def _of_larger_images(geometry: Geometry, which: Iterable[Axes]) -> Iterator[Apart]:
    """What the padding is less of, the image is more of."""
    yield from _as_large_when_padded(geometry, which, (-1, -2))


def _of_smaller_images(geometry: Geometry, which: Iterable[Axes]) -> Iterator[Apart]:
    """What the padding is more of, the image is less of."""
    yield from _as_large_when_padded(geometry, which, (1, 2))


def _as_large_when_padded(
    geometry: Geometry, which: Iterable[Axes], steps: Pair
) -> Iterator[Apart]:
    for axes, by in product(which, steps):
        size = _longer(geometry.input_size, axes, -2 * by)
        padding = _padded(geometry, axes, by)
        for other in _if_possible(geometry, input_size=size, padding=padding):
            yield "padding", geometry, other


def _of_the_same_outputs(geometry: Geometry, which: Iterable[Axes]) -> Iterator[Apart]:
    """X, K and Y of the same shapes: a stride's remainder takes up what one option adds."""
    for axes, stride, longer in product(which, _STRIDES, range(_MOST_LONGER)):
        size = _longer(geometry.input_size, axes, longer)
        strides = _at(geometry.stride, axes, stride)
        for own in _if_possible(geometry, input_size=size, stride=strides):
            for option, other in _with_another_option(own, axes):
                if other.output_size == own.output_size:
                    yield option, own, other


def _with_another_option(geometry: Geometry, axes: Axes) -> Iterator[tuple[str, Geometry]]:
    """One option along these axes larger or smaller by 1, by its name."""
    for by in (1, -1):
        for name in ("stride", "dilation"):
            pair: Pair = getattr(geometry, name)
            for other in _if_possible(geometry, **{name: _longer(pair, axes, by)}):
                yield name, other
        for other in _if_possible(geometry, padding=_padded(geometry, axes, by)):
            yield "padding", other


def _at(pair: Pair, axes: Axes, value: int) -> Pair:
    height, width = (value if axis in axes else own for axis, own in enumerate(pair))
    return height, width


def _longer(pair: Pair, axes: Axes, by: int) -> Pair:
    height, width = (own + by * (axis in axes) for axis, own in enumerate(pair))
    return height, width


def _padded(geometry: Geometry, axes: Axes, by: int) -> tuple[Pair, Pair]:
    """Its padding, with so many more elements at both sides of these axes."""
    rows, columns = (
        _longer(sides, (0, 1) if axis in axes else (), by)
        for axis, sides in enumerate(geometry.padding)
    )
    return rows, columns


def _if_possible(geometry: Geometry, **changed: Any) -> Iterator[Geometry]:
    with suppress(ValueError):
        yield replace(geometry, **changed)


# That leave a remainder which takes up what an option adds, and how much longer an axis is for it.
_STRIDES, _MOST_LONGER = (1, 3, 4), 3
WITH_OTHER_OPTIONS: dict[str, Callable[[Geometry, Iterable[Axes]], Iterator[Apart]]] = {
    "after a pass with other options on operands of these shapes": _of_the_same_operands,
    "after a pass of a larger image, which with less padding is as large": _of_larger_images,
    "after a pass of a smaller image, which with more padding is as large": _of_smaller_images,
    "after a pass with other options and an output of this shape": _of_the_same_outputs,
}
