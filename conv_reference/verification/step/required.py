"""What ``certify`` is given: refused before any work is done where it is not what is accepted."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any

from torch import nn

from conv_reference.verification.model.printable import one_line
from conv_reference.verification.options.judged import MOST_BITS
from conv_reference.verification.target.answers import type_name

_SEED_BITS = 62  # torch takes 64; the number of the call is added
_MOST_SHOWN = 60  # characters of a value


def require(
    model: Any, *, every: Any, sample: Any, replayed: Any, allowed_bits: Any, seed: Any
) -> None:
    """Refuse an argument that is of another type, or outside its range.

    Args:
        model: see ``certify``, as for all others.
        every: 1 or more.
        sample: above 0, at most 1.
        replayed: True or False.
        allowed_bits: 1..53, or None.
        seed: 0..2**62.

    Raises:
        TypeError: when one is of another type.
        ValueError: when one is outside its range.
    """
    if model is not None and not isinstance(model, nn.Module):
        raise TypeError(f"model must be an nn.Module, or None, got {_shown(model)}")
    _require_integer("every", every, 1, accepted="at least 1")
    if isinstance(sample, bool) or not isinstance(sample, Real):
        raise TypeError(f"sample must be a number above 0, at most 1, got {_shown(sample)}")
    if not 0 < float(sample) <= 1:
        raise ValueError(f"sample must be above 0 and at most 1, got {_shown(sample)}")
    if not isinstance(replayed, bool):
        raise TypeError(f"replayed must be True or False, got {_shown(replayed)}")
    if allowed_bits is not None:
        _require_integer("allowed_bits", allowed_bits, 1, MOST_BITS, accepted=f"1..{MOST_BITS}")
    _require_integer("seed", seed, 0, 2**_SEED_BITS, accepted=f"0..2**{_SEED_BITS}")


def _require_integer(
    name: str, value: Any, least: int, most: float = math.inf, *, accepted: str
) -> None:
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be an integer, {accepted}, got {_shown(value)}")
    if not least <= int(value) <= most:
        raise ValueError(f"{name} must be {accepted}, got {_shown(value)}")


def _shown(value: Any) -> str:
    """As Python writes it, in one line and cut; else by its type."""
    try:
        said = one_line(repr(value))
    except Exception:
        return f"an object of type {type_name(value)}"
    return said if len(said) <= _MOST_SHOWN else f"{said[:_MOST_SHOWN]}..."
