"""Options that are several parameters, a number each: ``pad_h, pad_w``, or one for each side."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from itertools import product
from types import MappingProxyType
from typing import Any

#: What options go by as such parameters.
_STEMS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "stride": ("stride", "strides", "step", "s"),
        "padding": ("padding", "pad", "pads", "p"),
        "dilation": ("dilation", "dilations", "dil", "dilation_rate", "d"),
    }
)
_AXES = (
    ("h", "w"),
    ("height", "width"),
    ("y", "x"),
    ("rows", "cols"),
    ("row", "col"),
    ("vertical", "horizontal"),
    ("0", "1"),
)
_ENDS = (("begin", "end"), ("before", "after"), ("start", "end"))  # of each axis
_SIDES = (
    ("top", "bottom", "left", "right"),
    ("up", "down", "left", "right"),
    ("t", "b", "l", "r"),
    *(
        tuple(f"{axis}_{end}" for axis in axes for end in ends)
        for axes, ends in product(_AXES[:2], _ENDS)
    ),
)


def apart(names: Collection[str]) -> dict[str, tuple[str, ...]]:
    """The parameters of each option that is given by several, of these: two, or four of padding.

    >>> apart(["x", "w", "stride_h", "stride_w", "pad_t", "pad_b", "pad_l", "pad_r"])
    {'stride': ('stride_h', 'stride_w'), 'padding': ('pad_t', 'pad_b', 'pad_l', 'pad_r')}
    """
    known = {name.lower(): name for name in names}
    found = {}
    for option in _STEMS:
        written = next((w for w in _written(option) if {*w} <= known.keys()), None)
        if written is not None:
            found[option] = tuple(known[name] for name in written)
    return found


def _written(option: str) -> Iterator[tuple[str, ...]]:
    """How the parameters of an option may be spelt; four sides first."""
    ends = (*(_SIDES if option == "padding" else ()), *_AXES)
    for several, stem in product(ends, _STEMS[option]):
        if len(stem) > 1 or several == _AXES[0]:  # "dx" and "dy" are no dilation
            yield tuple(f"{stem}_{end}" for end in several)
            yield tuple(f"{stem}{end}" for end in several)
            yield tuple(f"{end}_{stem}" for end in several)


def numbers(value: Any, count: int) -> tuple[Any, ...]:
    """The value of an option as so many numbers.

    >>> numbers((1, 2), 2), numbers(((1, 2), (3, 4)), 4), numbers((1, 2), 4), numbers(3, 2)
    ((1, 2), (1, 2, 3, 4), (1, 1, 2, 2), (3, 3))
    """
    pair = value if isinstance(value, tuple) else (value, value)
    if count == len(pair):
        return pair
    sides = (each if isinstance(each, tuple) else (each, each) for each in pair)
    return tuple(number for side in sides for number in side)


def default(several: tuple[Any, ...]) -> Any:
    """The pair that the parameters' defaults are together; of four sides only where two are."""
    if len(several) == 2:
        return several
    top, bottom, left, right = several
    return (top, left) if (top, left) == (bottom, right) else ((top, bottom), (left, right))


def named(
    names: Mapping[str, str], several: Mapping[str, tuple[str, ...]], settings: Mapping[str, Any]
) -> dict[str, Any]:
    """What is given for the options, by the names of the parameters.

    Args:
        names: of the options.
        several: the parameters of those that are given by several.
        settings: values by the options; of what has no name nothing is given.
    """
    given: dict[str, Any] = {}
    for option, value in settings.items():
        if option in several:
            given |= zip(several[option], numbers(value, len(several[option])), strict=True)
        elif option in names:
            given[names[option]] = value
    return given


# Four sides in one value: flat, by their first letters, or a pair of pairs.
ORDERS = ("tblr", "lrtb", "tlbr", "pairs")
_WORDS = {"t": "top", "b": "bottom", "l": "left", "r": "right"}


def in_order(order: str, sides: tuple[tuple[int, int], tuple[int, int]]) -> Any:
    """The padding of four sides as one value.

    >>> in_order("lrtb", ((1, 2), (3, 4))), in_order("pairs", ((1, 2), (3, 4)))
    ((3, 4, 1, 2), ((1, 2), (3, 4)))
    """
    if order == "pairs":
        return sides
    by_letter = dict(zip("tblr", (*sides[0], *sides[1]), strict=True))
    return tuple(by_letter[letter] for letter in order)


def described(order: str) -> str:
    """How a value in this order is written.

    >>> described("tlbr")
    '(top, left, bottom, right)'
    """
    if order == "pairs":
        return "((top, bottom), (left, right))"
    return f"({', '.join(_WORDS[letter] for letter in order)})"


def is_of_sides(value: Any) -> bool:
    """Whether the value has a padding for each of the four sides.

    >>> is_of_sides((0, 0, 0, 0)), is_of_sides([[0, 0], [0, 0]]), is_of_sides((0, 0))
    (True, True, False)
    """
    if not isinstance(value, tuple | list):
        return False
    return len(value) == 4 or (len(value) == 2 and all(isinstance(v, tuple | list) for v in value))
