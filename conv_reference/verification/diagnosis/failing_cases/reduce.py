"""From a failing case to the smallest and simplest one that still fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from conv_reference.geometry import Geometry, Pair
from conv_reference.quantities import QUANTITIES
from conv_reference.verification.model.case import EXACT_VALUES, Case, Layout, Values

MOST_TRIES = 800
# The simplest first: with ones a wrong element is a wrong count, with counting numbers one can
# see which were taken.
_SIMPLER = (Values.ONES, Values.COUNTING)
_SMALL = 16  # sizes of an input, up to which both are made smaller at once
_LARGE = 64  # a size, above which its limit is searched for by halves
_BY_AXIS = ("kernel_size", "input_size", "stride", "dilation", "padding")


def smallest_failing(case: Case, quantity: str, fails: Callable[[Case], bool]) -> Case:
    """Make one thing after another smaller or simpler for as long as the case fails.

    The result fails, and no single step from it (one size smaller; two at once where they
    must agree; the height and the width of a small input; one layout contiguous; fewer gradients;
    columns in place of rows) fails as well, unless the tries ran out.
    Its batch is empty only where a batch of one does not fail.

    Args:
        case: one that fails.
        quantity: Y, dX, dK, db or another: a gradient that is not asked for cannot fail.
        fails: whether a case fails; must be repeatable.
    """
    tries = 0
    improved = True
    while improved:
        improved = False
        for candidate in _simpler(case, quantity):
            tries += 1
            if tries > MOST_TRIES:
                return case
            if fails(candidate):
                case, improved = candidate, True
                break
    return case


def _simpler(case: Case, quantity: str) -> Iterator[Case]:
    """Cases one step simpler: first what is not a size, then the sizes, then the values."""
    others = [role for role, layout in case.layouts.items() if layout != Layout.CONTIGUOUS]
    if len(others) > 1:
        yield case.contiguous()
    for role in others:
        yield case.laid_out({role: Layout.CONTIGUOUS})
    if case.bias and quantity != "db":
        yield replace(case, bias=False, requires_grad=case.requires_grad.replace("b", ""))
    leaf = QUANTITIES[quantity].leaf if quantity in QUANTITIES else ""
    if case.requires_grad not in {"", leaf} and leaf in case.requires_grad:
        yield replace(case, requires_grad=leaf)
    for geometry in _smaller(case.geometry):
        yield replace(case, geometry=geometry)
    if case.values in EXACT_VALUES:
        simpler = _SIMPLER if case.values == Values.BALANCED else (*_SIMPLER, Values.BALANCED)
        for values in simpler:
            yield replace(case, values=values)
    elif case.values == Values.COUNTING:
        yield replace(case, values=Values.ONES)


def _smaller(geometry: Geometry) -> Iterator[Geometry]:
    """Valid geometries one step smaller, the largest steps first; at last, the same on its side."""
    if geometry.batch == 0:  # one sample has elements to show, an empty batch has none
        yield replace(geometry, batch=1)
    if geometry.padding_mode != "zeros":
        yield replace(geometry, padding_mode="zeros")
    for changes in _steps(geometry):
        try:
            yield replace(geometry, **changes)
        except ValueError:  # no such convolution: the kernel no longer fits, say
            continue
    # A row is easier to read than a column; and where either fails, each run shows the same one.
    exchanged = on_its_side(geometry)
    if _by_axis(exchanged) < _by_axis(geometry):
        yield exchanged


def on_its_side(geometry: Geometry) -> Geometry:
    """The geometry with its two axes exchanged."""
    return replace(geometry, **{name: getattr(geometry, name)[::-1] for name in _BY_AXIS})


def _by_axis(geometry: Geometry) -> tuple[Any, ...]:
    return tuple(getattr(geometry, name) for name in _BY_AXIS)


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
    for groups in _below(g.groups, 1):
        yield {"groups": groups}  # for a fault that wants channels, not groups
    for axis in (0, 1):
        for size in _below(g.padding[axis][0], 0):
            sides = [*g.padding]
            sides[axis] = (size, size)
            yield {"padding": tuple(sides)}
    for name in ("dilation", "stride", "kernel_size", "input_size"):
        for pair in _pairs_below(getattr(g, name), 1):
            yield {name: pair}
    yield from _both_axes(g)
    yield from _kernel_with_input(g)
    yield from _stride_with_input(g)
    yield from _height_with_width(g)


def _both_axes(geometry: Geometry) -> Iterator[dict[str, Any]]:
    """One option smaller on both axes at once: a target may take one integer for the two."""
    (top, *_), (left, *_) = geometry.padding
    if top == left:
        yield from ({"padding": ((size, size), (size, size))} for size in _below(top, 0))
    for name in ("dilation", "stride", "kernel_size"):
        first, second = getattr(geometry, name)
        if first == second:
            yield from ({name: (size, size)} for size in _below(first, 1))


def _kernel_with_input(geometry: Geometry) -> Iterator[dict[str, Any]]:
    """A smaller kernel and an input smaller by as much: the output keeps its size."""
    for axis in (0, 1):
        kernel, size = [*geometry.kernel_size], [*geometry.input_size]
        if kernel[axis] > 1 and size[axis] > geometry.dilation[axis]:
            kernel[axis] -= 1
            size[axis] -= geometry.dilation[axis]
            yield {"kernel_size": tuple(kernel), "input_size": tuple(size)}


def _stride_with_input(geometry: Geometry) -> Iterator[dict[str, Any]]:
    """A smaller stride and an input smaller by as much: the output keeps its size."""
    for axis in (0, 1):
        own, left_over = geometry.stride[axis], geometry.remainder[axis]
        for size in _below(own, 1):
            stride, sizes = [*geometry.stride], [*geometry.input_size]
            stride[axis] = size
            sizes[axis] -= (geometry.output_size[axis] - 1) * (own - size)
            sizes[axis] -= max(0, left_over - (size - 1))
            yield {"stride": tuple(stride), "input_size": tuple(sizes)}


def _height_with_width(geometry: Geometry) -> Iterator[dict[str, Any]]:
    """Both sizes of a small input smaller: a fault may want that they fit each other."""
    height, width = geometry.input_size
    if max(height, width) <= _SMALL:
        for size in _below(height, 1):
            for other in _below(width, 1):
                yield {"input_size": (size, other)}


def _pairs_below(pair: Pair, least: int) -> Iterator[Pair]:
    for size in _below(pair[0], least):
        yield size, pair[1]
    for size in _below(pair[1], least):
        yield pair[0], size


def _below(size: int, least: int) -> Iterator[int]:
    """Smaller sizes, smallest first: all the small ones, for a fault may want an even one.

    Of a large one further ones between its half and itself, each half as far from it as the one
    before: so the limit above which it fails is met in some tens of tries, and not one by one.
    """
    smaller = {*range(least, min(size, 17)), size // 2, size - 1}
    if size > _LARGE:
        smaller |= {size - (size >> shift) for shift in range(2, size.bit_length())}
    yield from sorted(each for each in smaller if least <= each < size)
