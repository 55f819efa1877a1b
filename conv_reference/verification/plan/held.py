"""The levels that a row's case holds in the end: a target's domain may move it to other sizes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from conv_reference.geometry import Geometry, Pair
from conv_reference.verification.model.case import LAYOUT_FIELDS, Case
from conv_reference.verification.model.domain import EVERYWHERE
from conv_reference.verification.plan.factors import (
    SIDES,
    Levels,
    family_of,
    geometry_of,
    shared_out,
)
from conv_reference.verification.target.target import Target


def is_narrowed(target: Target) -> bool:
    """Whether its sizes depend on each other: of a domain, or of one integer for both axes."""
    return bool(target.domain.where or target.integers)


def held(levels: Levels, case: Case, target: Target) -> Levels:
    """The levels of a row as its case has them; without those factors of which it has no level.

    Where values are sparse nothing is expanded. What an instance settles is at its first level,
    whichever size that is, so a factor counts as moved where its domain alone moves it.

    Args:
        levels: one of each factor.
        case: that stands for them.
        target: that it is put to.
    """
    layouts = {LAYOUT_FIELDS[role]: family_of(layout) for role, layout in case.layouts.items()}
    put = {**levels, **layouts}
    if not is_narrowed(target):
        return put
    free = replace(target, domain=EVERYWHERE, integers=frozenset())
    unmoved = sizes_read(free.restrict_geometry(geometry_of(levels)))
    for name, found in sizes_read(case.geometry).items():
        if name in put and put[name] not in found and found != unmoved[name]:
            put = {n: level for n, level in put.items() if n != name}
            put |= dict(zip((name,), found, strict=False))
    return put


def sizes_read(geometry: Geometry) -> Mapping[str, tuple[Any, ...]]:
    """Of each factor of sizes the levels that the geometry has; none where it is between them.

    >>> read = sizes_read(Geometry.parse("n1 h5 w5 k1x2 p1 s2"))
    >>> read["padding_h"], read["padding_w"], read["remainder_h"], read["remainder_w"]
    (('one', 'kernel'), ('one',), ('none',), ('most',))
    """
    group_in, group_out = geometry.group_channels
    read: dict[str, tuple[Any, ...]] = {
        "batch": (geometry.batch,),
        "groups": (geometry.groups,),
        "group_in": (group_in,),
        "group_out": (group_out,),
    }
    for place, axis in enumerate("hw"):
        read |= {f"{name}_{axis}": levels for name, levels in _read_axis(geometry, place)}
    return read


def _read_axis(geometry: Geometry, place: int) -> Iterator[tuple[str, tuple[Any, ...]]]:
    kernel, stride = geometry.kernel_size[place], geometry.stride[place]
    dilation, sides = geometry.dilation[place], geometry.padding[place]
    over = geometry.input_size[place] + sum(sides) - dilation * (kernel - 1) - 1
    rest = over % stride
    least = max(0, -(-(sum(sides) - dilation * (kernel - 1) - rest) // stride))
    yield from (("kernel", (kernel,)), ("stride", (stride,)), ("dilation", (dilation,)))
    yield "padding", _paddings(sides, kernel)
    yield "sides", tuple(name for name in SIDES if shared_out(sum(sides) // 2, name) == sides)[:1]
    outputs = {0: "least", 1: "one more", 2: "two more"}.get(over // stride - least)
    yield "output", () if outputs is None else (outputs,)
    yield "remainder", ("none",) if not rest else ("most",) if rest == stride - 1 else ()


def _paddings(sides: Pair, kernel: int) -> tuple[str, ...]:
    sizes = {"none": 0, "one": 1, "kernel": kernel}
    return tuple(name for name, size in sizes.items() if 2 * size == sum(sides))


SIZES = frozenset(sizes_read(Geometry(input_size=(1, 1), kernel_size=(1, 1))))  # by name
