"""A stranger without a word for its padding: one that pads of itself, whatever is requested."""

from __future__ import annotations

from dataclasses import replace

from conv_reference.verification.reading.words import Words
from conv_reference.verification.target.nearest_sizes import OWN_PADDINGS
from conv_reference.verification.target.strangers.attempt import (
    OF_THREE,
    SQUARE,
    TINY,
    Convention,
    Level,
    asked,
)
from conv_reference.verification.target.strangers.conventions_in_order import conventions_in_order
from conv_reference.verification.target.strangers.settling import settled
from conv_reference.verification.target.strangers.stranger import Stranger


def padding_of_itself(own: Stranger, words: Words) -> tuple[Stranger, Convention] | None:
    """As one that pads so, whatever is asked, where it agrees; of several, with the most kernels.

    Of three by three half the kernel and SAME are one. One that answers nothing is not tried.
    """
    cases = [TINY, *(() if own.has_no_size else (OF_THREE, SQUARE))]
    tried = (replace(c, case=k) for k in cases for c in conventions_in_order(own, words))
    if not any(asked(own, each).level is Level.OTHER for each in tried):
        return None
    padded = [replace(own, pads=padding) for padding in OWN_PADDINGS]
    found = [(each, best) for each in padded if (best := settled(each, words)) is not None]
    agreeing = [pair for pair in found if pair[1].level is Level.AGREES]
    return min(agreeing, key=lambda pair: _restriction(pair[1]), default=None)


def _restriction(found: Convention) -> tuple[bool, int]:
    """How much it leaves out: kernels of unequal sides, and options that are no pairs."""
    return found.case != TINY, len(found.integers)
