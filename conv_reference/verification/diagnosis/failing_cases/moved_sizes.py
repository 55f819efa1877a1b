"""The sizes of a geometry, each moved while the others stay, the output and the remainder too.

But for padding, which adds outputs, and where the input would be empty: then it has one pixel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from conv_reference.geometry import Geometry
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.sizes import sizes_of


@dataclass(frozen=True)
class Dial:
    """One size of a geometry.

    Args:
        name: as predicates have it.
        least: value.
        get: the size of a geometry.
        moved: the geometry with another value; a ValueError where there is no such convolution.
    """

    name: str
    least: int
    get: Callable[[Geometry], int]
    moved: Callable[[Geometry, int], Geometry]


def dials(g: Geometry) -> Iterator[Dial]:
    """Every size that can be moved alone.

    Channels are counted for each group; outputs and the remainder stand for the input's size.
    """
    empty = min(g.batch, 1)  # of no sample, nothing can be wrong
    group = "/g" if g.groups > 1 else ""
    yield Dial("n", empty, lambda g: g.batch, lambda g, to: replace(g, batch=to))
    yield Dial("g", 1, lambda g: g.groups, _with_groups)
    yield Dial(f"c{group}", 1, lambda g: g.group_channels[0], _with_inputs)
    yield Dial(f"o{group}", 1, lambda g: g.group_channels[1], _with_outputs)
    for axis, letter in enumerate("hw"):
        yield from _along(axis, letter)


def moved_to(case: Case, dial: Dial, value: int) -> Case | None:
    """The case with one size at another value; none where there is no such convolution."""
    if value < dial.least:
        return None
    try:
        return replace(case, geometry=dial.moved(case.geometry, value))
    except ValueError:
        return None


def comparable(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Pairs of sizes that are measured in the same, in either order."""
    given = {*names}
    pairs = [(f"{size}h", f"{size}w") for size in "kspdo"]
    pairs += [(f"{a}{axis}", f"{b}{axis}") for axis in "hw" for a, b in ("ks", "kp", "sd")]
    pairs += [("c", "o"), ("c/g", "o/g")]
    for first, second in pairs:
        if {first, second} <= given:
            yield first, second
            yield second, first


def _with_groups(g: Geometry, to: int) -> Geometry:
    group_in, group_out = g.group_channels
    return replace(g, groups=to, in_channels=to * group_in, out_channels=to * group_out)


def _with_inputs(g: Geometry, to: int) -> Geometry:
    return replace(g, in_channels=g.groups * to)


def _with_outputs(g: Geometry, to: int) -> Geometry:
    return replace(g, out_channels=g.groups * to)


def _along(axis: int, letter: str) -> Iterator[Dial]:
    for name in ("kernel_size", "stride", "dilation"):
        yield Dial(f"{name[0]}{letter}", 1, _of(name, axis), _with_pair(name, axis))
    yield Dial(f"p{letter}", 0, lambda g: g.padding[axis][0], _with_padding(axis))

    def with_outputs(g: Geometry, to: int) -> Geometry:
        by = g.stride[axis] * (to - g.output_size[axis])
        return _require(f"o{letter}", to, _resized(g, axis, by))

    def with_remainder(g: Geometry, to: int) -> Geometry:
        return _require(f"r{letter}", to, _resized(g, axis, to - g.remainder[axis]))

    yield Dial(f"o{letter}", 1, _of("output_size", axis), with_outputs)
    yield Dial(f"r{letter}", 0, _of("remainder", axis), with_remainder)


def _require(name: str, to: int, g: Geometry) -> Geometry:
    if sizes_of(g)[name] != to:
        raise ValueError(f"there is no input with which {name} is {to}")
    return g


def _of(name: str, axis: int) -> Callable[[Geometry], int]:
    return lambda g: int(getattr(g, name)[axis])


def _with_pair(name: str, axis: int) -> Callable[[Geometry, int], Geometry]:
    def moved(g: Geometry, to: int) -> Geometry:
        pair = [*getattr(g, name)]
        pair[axis] = to
        changes = {name: (pair[0], pair[1])}
        return _resized(g, axis, _reach(g, axis, changes) - _reach(g, axis, {}), changes)

    return moved


def _reach(g: Geometry, axis: int, changes: dict[str, Any]) -> int:
    """Rows or columns after the first that the outputs read, and those that are left over.

    Of those at most one fewer than the stride: as many would be one more output.
    """
    names = ("kernel_size", "stride", "dilation")
    kernel, stride, dilation = (changes.get(name, getattr(g, name))[axis] for name in names)
    left_over = min(g.remainder[axis], stride - 1)
    return int(stride * (g.output_size[axis] - 1) + dilation * (kernel - 1) + left_over)


def _with_padding(axis: int) -> Callable[[Geometry, int], Geometry]:
    def moved(g: Geometry, to: int) -> Geometry:
        sides = [*g.padding]
        sides[axis] = (to, to)  # of uneven ones, too: the smallest case has none
        by = (sum(g.padding[axis]) - 2 * to) % g.stride[axis]  # what is left over stays so
        return _resized(g, axis, by, {"padding": (sides[0], sides[1])})

    return moved


def _resized(g: Geometry, axis: int, by: int, changes: dict[str, Any] | None = None) -> Geometry:
    """The input larger by so much along an axis, but never empty; with what else changes."""
    sizes = [*g.input_size]
    sizes[axis] = max(1, sizes[axis] + by)
    every: dict[str, Any] = {"input_size": (sizes[0], sizes[1]), **(changes or {})}
    return replace(g, **every)
