"""What can vary, as named factors with levels; and the case that a row of levels describes.

The levels follow what shipped faults were guarded by: sizes of one and two, H ≠ W, kh ≠ kw,
channel counts beside a vector's width, a stride larger than the kernel and one that leaves a
remainder, padding up to and past the kernel, taps and outputs that see only padding, groups
together with strides, depthwise, every layout of every operand, every subset of gradients.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from types import MappingProxyType
from typing import Any

import torch

from conv_reference.geometry import Geometry, Pair
from conv_reference.operands import Role
from conv_reference.verification.model.case import (
    EXACT_VALUES,
    LAYOUT_FIELDS,
    SUBSETS,
    Case,
    Layout,
    Values,
    dtype_name,
    dtype_named,
)
from conv_reference.verification.plan.possible import as_possible
from conv_reference.verification.target.target import Target

Levels = Mapping[str, Any]

# Of one axis. The output's size is counted from the least that leaves a pixel of input, so
# that padding, kernel and stride can take any level beside it.
_AXIS: Mapping[str, tuple[Any, ...]] = {
    "kernel": (1, 2, 3, 4),
    "stride": (1, 2, 3),
    "dilation": (1, 2, 3),
    "padding": ("none", "one", "kernel"),
    "output": ("least", "one more", "two more"),
    "remainder": ("none", "most"),
}
_CHANNELS = (1, 2, 3, 4, 6, 8, 9)
# What is alike in how memory is walked is one level; which member a row has is drawn. Eighteen
# levels for each of three operands would take more than twice the rows.
LAYOUT_FAMILIES: Mapping[str, tuple[Layout, ...]] = MappingProxyType(
    {
        "contiguous": (Layout.CONTIGUOUS,),
        "channels_last": (Layout.CHANNELS_LAST, Layout.IMAGE),
        "offset": (Layout.OFFSET, Layout.CHANNELS_LAST_OFFSET),
        "permuted": (Layout.TRANSPOSED, Layout.EXCHANGED),
        "channels": (Layout.CHUNK, Layout.LAST_CHUNK, Layout.SLICED_CHANNELS_LAST),
        "plane": (Layout.ROWS, Layout.COLUMNS, Layout.CHANNELS_LAST_COLUMNS, Layout.SLICED),
        "strided": (Layout.STRIDED, Layout.SAMPLES, Layout.CHANNELS_LAST_ROWS),
        "expanded": (Layout.EXPANDED,),
    }
)
_FACTORS: Mapping[str, tuple[Any, ...]] = {
    "batch": (1, 2, 3, 4),
    "groups": (1, 2, 3, 4),
    "group_in": _CHANNELS,
    "group_out": _CHANNELS,
    **{f"{name}_h": levels for name, levels in _AXIS.items()},
    **{f"{name}_w": levels for name, levels in _AXIS.items()},
    "bias": ("bias", "nobias"),
    "requires_grad": tuple(subset or "none" for subset in SUBSETS),
    **dict.fromkeys(LAYOUT_FIELDS.values(), tuple(LAYOUT_FAMILIES)),
    "values": tuple(values.value for values in EXACT_VALUES),
}
# Of each axis, for targets that take padding that differs between opposite sides: its sum stays.
SIDES = ("equal", "one", "uneven")
# The factors that a target without the option has at their first level alone.
_OF_OPTION = {
    "bias": ("bias",),
    "stride": ("stride_h", "stride_w", "remainder_h", "remainder_w"),
    "padding": ("padding_h", "padding_w"),
    "dilation": ("dilation_h", "dilation_w"),
    "groups": ("groups",),
}


def factors_of(target: Target, dtypes: Sequence[torch.dtype]) -> dict[str, tuple[Any, ...]]:
    """The factors with those of their levels that this target can be asked for."""
    factors = {**_FACTORS, "dtype": tuple(dtype_name(dtype) for dtype in dtypes)}
    asked = (s for s in factors["requires_grad"] if s == "none" or _is_handed(s, target))
    factors |= {"requires_grad": ("",) if target.forward_only else tuple(asked)}
    single = [
        f for option, names in _OF_OPTION.items() if option not in target.options for f in names
    ]
    if target.is_line:
        single += [f"{name}_h" for name in _AXIS]
    if not target.has_channels:
        single += ["groups", "group_in", "group_out"]
    if target.is_settled:
        single += [f"{name}_{axis}" for name in ("kernel", "stride", "dilation") for axis in "hw"]
        single += ["groups", "group_in", "group_out", "padding_h", "padding_w"]
    elif target.fixed:  # a form of one input channel
        single += ["groups", "group_in"]
    for name in single:
        factors[name] = factors[name][:1]
    if "bias" not in target.options:
        factors["bias"] = ("bias" if target.always_biased else "nobias",)
    if factors["bias"] == ("nobias",):
        factors["requires_grad"] = tuple(s for s in factors["requires_grad"] if "b" not in s)
    if target.is_settled and target.fixed["stride"] != (1, 1):
        for axis in "hw":
            factors[f"remainder_{axis}"] = ("none",)
    factors |= {"sides_h": SIDES, "sides_w": SIDES} if target.sides else {}
    return factors | {name: _families(target, role) for role, name in LAYOUT_FIELDS.items()}


def _is_handed(letters: str, target: Target) -> bool:
    """Whether all these gradients can be requested of it."""
    has_none = target.offer is not None and "vjp" in target.offer.lacks
    return not has_none and target.handed(letters) == letters


def _families(target: Target, role: Role) -> tuple[str, ...]:
    """Those of layouts of which an operand can be given one."""
    return tuple(
        family
        for family, members in LAYOUT_FAMILIES.items()
        if any(target.takes(role, layout) for layout in members)
    )


def family_of(layout: Layout) -> str:
    """The level that a layout belongs to."""
    return next(family for family, members in LAYOUT_FAMILIES.items() if layout in members)


def can_occur(levels: Levels) -> bool:
    """Whether some of the levels, given by factor, can occur together."""
    for axis in "hw":
        if levels.get(f"stride_{axis}") == 1 and levels.get(f"remainder_{axis}") == "most":
            return False
        if levels.get(f"padding_{axis}") == "none" and levels.get(f"sides_{axis}") in SIDES[1:]:
            return False
    return not (levels.get("bias") == "nobias" and "b" in levels.get("requires_grad", ""))


def case_of(levels: Levels, target: Target, check: str) -> Case:
    """The case that a row of levels describes, as the target can be asked for it.

    Args:
        levels: one of each factor.
        target: what it is put to.
        check: the name of the check.
    """
    subset = levels["requires_grad"]
    case = Case(
        check=check,
        dtype=dtype_named(levels["dtype"]),
        geometry=geometry_of(levels),
        values=Values(levels["values"]),
        **_drawn_layouts(levels, target),
        requires_grad="" if subset == "none" else subset,
        bias=levels["bias"] == "bias",
    )
    return as_possible(target, case)


def geometry_of(levels: Levels) -> Geometry:
    """The sizes that a row of levels describes, whatever the target."""
    groups = levels["groups"]
    height, width = (_axis(levels, axis) for axis in "hw")
    return Geometry(
        batch=levels["batch"],
        in_channels=groups * levels["group_in"],
        out_channels=groups * levels["group_out"],
        groups=groups,
        input_size=(height.input, width.input),
        kernel_size=(levels["kernel_h"], levels["kernel_w"]),
        stride=(levels["stride_h"], levels["stride_w"]),
        padding=(
            shared_out(height.padding, levels.get("sides_h", "equal")),
            shared_out(width.padding, levels.get("sides_w", "equal")),
        ),
        dilation=(levels["dilation_h"], levels["dilation_w"]),
    )


def _drawn_layouts(levels: Levels, target: Target) -> dict[str, Any]:
    """A layout of each operand's family, drawn by what the row holds."""
    random = Random(f"{sorted(levels.items())}")
    return {
        name: random.choice([m for m in LAYOUT_FAMILIES[levels[name]] if target.takes(role, m)])
        for role, name in LAYOUT_FIELDS.items()
    }


@dataclass(frozen=True)
class AxisSizes:
    """The sizes of one axis that follow from its levels."""

    input: int
    padding: int


def axis_sizes(
    *, kernel: int, stride: int, dilation: int, padding: int, outputs: int, remainder: int
) -> AxisSizes:
    """The input's size for an output that is so much larger than the least possible one.

    Args:
        kernel: at least 1.
        stride: at least 1.
        dilation: at least 1.
        padding: of each side, at least 0.
        outputs: how many more than the fewest that leave a pixel of input, at least 0.
        remainder: what the last stride does not reach, 0..stride - 1.
    """
    span = dilation * (kernel - 1) + 1
    # (o - 1)·stride + span + remainder - 2·padding is at least one pixel.
    least = max(0, -(-(1 - span - remainder + 2 * padding) // stride)) + 1
    return AxisSizes((least + outputs - 1) * stride + span + remainder - 2 * padding, padding)


def shared_out(padding: int, sides: str) -> Pair:
    """The padding before and behind, which add up to twice the padding.

    Args:
        padding: of each side, were they equal.
        sides: "equal", "one": all of it before, or "uneven": one more behind.
    """
    if not padding or sides == "equal":
        return padding, padding
    return (2 * padding, 0) if sides == "one" else (padding - 1, padding + 1)


def _axis(levels: Levels, axis: str) -> AxisSizes:
    kernel, stride = levels[f"kernel_{axis}"], levels[f"stride_{axis}"]
    return axis_sizes(
        kernel=kernel,
        stride=stride,
        dilation=levels[f"dilation_{axis}"],
        padding={"none": 0, "one": 1, "kernel": kernel}[levels[f"padding_{axis}"]],
        outputs=_AXIS["output"].index(levels[f"output_{axis}"]),
        remainder=0 if levels[f"remainder_{axis}"] == "none" else stride - 1,
    )
