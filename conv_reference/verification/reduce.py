"""From a failing geometry to the smallest one that still fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from conv_reference.geometry import Geometry, Pair


def smallest_failing(geometry: Geometry, fails: Callable[[Geometry], bool]) -> Geometry:
    """Make one size after another smaller for as long as the geometry fails.

    The result fails, and no single step from it (one size smaller; two at once where they
    must agree) fails as well.

    Args:
        geometry: one that fails.
        fails: whether a geometry fails; must be repeatable.
    """
    improved = True
    while improved:
        improved = False
        for candidate in _smaller(geometry):
            if fails(candidate):
                geometry, improved = candidate, True
                break
    return geometry


def _smaller(geometry: Geometry) -> Iterator[Geometry]:
    """Valid geometries one step smaller, the largest steps first."""
    for changes in _steps(geometry):
        try:
            yield replace(geometry, **changes)
        except ValueError:  # no such convolution: the kernel no longer fits, say
            continue


def _steps(geometry: Geometry) -> Iterator[dict[str, Any]]:
    g = geometry
    group_in, group_out = g.group_channels
    for size in _below(g.batch, 1):
        yield {"batch": size}
    for groups in _below(g.groups, 1):
        yield {
            "groups": groups,
            "in_channels": groups * group_in,
            "out_channels": groups * group_out,
        }
    for size in _below(group_in, 1):
        yield {"in_channels": g.groups * size}
    for size in _below(group_out, 1):
        yield {"out_channels": g.groups * size}
    for axis in (0, 1):
        for size in _below(g.padding[axis][0], 0):
            sides = [*g.padding]
            sides[axis] = (size, size)
            yield {"padding": tuple(sides)}
    for name in ("dilation", "stride", "kernel_size", "input_size"):
        for pair in _pairs_below(getattr(g, name), 1):
            yield {name: pair}
    yield from _kernel_with_input(g)


def _kernel_with_input(geometry: Geometry) -> Iterator[dict[str, Any]]:
    """A smaller kernel and an input smaller by as much: the output keeps its size."""
    for axis in (0, 1):
        kernel, size = [*geometry.kernel_size], [*geometry.input_size]
        if kernel[axis] > 1 and size[axis] > geometry.dilation[axis]:
            kernel[axis] -= 1
            size[axis] -= geometry.dilation[axis]
            yield {"kernel_size": tuple(kernel), "input_size": tuple(size)}


def _pairs_below(pair: Pair, least: int) -> Iterator[Pair]:
    for size in _below(pair[0], least):
        yield size, pair[1]
    for size in _below(pair[1], least):
        yield pair[0], size


def _below(size: int, least: int) -> Iterator[int]:
    """Smaller sizes, smallest first: all the small ones, for a fault may want an even one."""
    yield from sorted({*range(least, min(size, 17)), size // 2, size - 1} & {*range(least, size)})
