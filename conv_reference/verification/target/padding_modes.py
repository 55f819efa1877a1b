"""Which padding modes a target can be asked for, and how it is given one."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from conv_reference.geometry import Padding
from conv_reference.padding_modes import MODES, Mode
from conv_reference.quantities import Operator
from conv_reference.verification.model.errors import TargetError

WORD = "padding_mode"
_OF_ZEROS = ("zeros", "zero", "constant", "")


def modes_of(parameters: Container[str], operator: Operator) -> tuple[Mode, ...]:
    """All of torch's, where it takes the word and convolves.

    Args:
        parameters: the names of what it takes.
        operator: what it should compute; nobody transposes a border.
    """
    return MODES if WORD in parameters and operator.is_convolution else ("zeros",)


def settled_mode(mode: Any, padding: Padding, name: str) -> dict[str, Mode]:
    """The padding mode of an instance, as a field of Geometry: empty where it pads with zeros.

    Args:
        mode: as its attribute says; what is no text says nothing.
        padding: of an instance, on each side.
        name: for messages.

    Raises:
        TargetError: when there is no such mode.
    """
    if not isinstance(mode, str) or mode in _OF_ZEROS or not any(map(any, padding)):
        return {}
    if mode not in MODES:
        accepted = ", ".join(map(repr, MODES))
        raise TargetError(
            f"cannot verify {name!r}: padding_mode must be one of {accepted}, got {mode!r}"
        )
    return {WORD: mode}


def given_mode(mode: Mode, default: Any) -> dict[str, Mode]:
    """What a function or a constructor is given of it: nothing, where it pads with zeros anyway.

    Args:
        mode: of a geometry.
        default: of the parameter; None without one. Another word than torch's is left.
    """
    plain = mode == "zeros" and default is not None and default not in MODES
    return {} if plain else {WORD: mode}
