"""How a stranger takes each of its options: as pairs, integers, or four sides in some order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from conv_reference.geometry import Geometry
from conv_reference.verification.target import option_numbers
from conv_reference.verification.target.answers import message_of
from conv_reference.verification.target.option_names import PAIRED
from conv_reference.verification.target.strangers.attempt import Convention, Level, asked, tiny
from conv_reference.verification.target.strangers.stranger import Stranger

_PROBES: Mapping[str, Any] = {
    "stride": (2, 2),
    "padding": ((1, 1), (1, 1)),
    "dilation": (2, 2),
}
_UNEVEN = ((1, 2), (3, 0))  # a padding of which no two sides are the same


def is_of_pairs(error: BaseException | None) -> bool:
    """Whether a pair is what it could not compute with; an integer may fail for another reason.

    The second is numpy's, of a list of numbers in which one is a pair.
    """
    said = message_of(error) if isinstance(error, TypeError | ValueError) else ""
    return (isinstance(error, TypeError) and "tuple" in said) or "element with a sequence" in said


def probed(own: Stranger, plain: Geometry, option: str) -> Geometry:
    """A tiny case in which an option does something."""
    return replace(_evenly(own, plain), **{option: _PROBES[option]})


def _evenly(own: Stranger, geometry: Geometry) -> Geometry:
    """With an input that a stride of two leaves no remainder of: some refuse one."""
    if own.fixed is not None:
        return geometry
    kh, kw = geometry.kernel_size
    return replace(geometry, input_size=(kh + 4, kw + 6))


def is_one_value(own: Stranger) -> bool:
    """Whether one parameter has its padding, which is no word."""
    return "padding" in own.names and "padding" not in own.several and not own.same_padding


def with_sides(own: Stranger, found: Convention) -> Convention:
    """With the order of four sides in which its padding agrees, where it agrees as no pair."""
    plain = tiny(own, found)
    if plain is None or found.level < Level.AGREES or not is_one_value(own):
        return found
    as_torchs = not found.sides and asked(own, found, probed(own, plain, "padding"))
    if as_torchs and as_torchs.level is Level.AGREES:
        return found
    uneven = replace(plain, padding=_UNEVEN)
    for order in option_numbers.ORDERS:
        other = replace(found, sides=order, integers=found.integers - {"padding"})
        if asked(own, other, uneven).level is Level.AGREES:
            return other
    return found


def integers_of(own: Stranger, found: Convention) -> frozenset[str]:
    """The options that are taken as integers alone."""
    integers = found.integers & {"kernel_size"}
    plain = tiny(own, found)
    for option in PAIRED:
        if option not in own.names or plain is None:
            continue
        if option in own.several or (option == "padding" and (own.same_padding or found.sides)):
            continue
        geometry = probed(own, plain, option)
        others = found.integers - {option}
        pair = asked(own, replace(found, integers=others), geometry)
        single = asked(own, replace(found, integers=others | {option}), geometry)
        refuses = pair.level is Level.RAISED and (
            single.level is not Level.RAISED or is_of_pairs(pair.error)
        )
        if option in own.integers or refuses:
            integers |= {option}
    return integers
