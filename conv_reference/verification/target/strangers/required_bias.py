"""A function that must be given a bias: its signature has no default for one, and None raises."""

from __future__ import annotations

from dataclasses import replace

from conv_reference.verification.target.strangers.attempt import (
    OF_THREE,
    SQUARE,
    TINY,
    Convention,
    asked,
)
from conv_reference.verification.target.strangers.stranger import Stranger
from conv_reference.verification.target.strangers.tensor_forms import TORCHS
from conv_reference.verification.target.target import Target


def with_required_bias(own: Stranger, standard: Target) -> Target | None:
    """The same under torch's convention, always with a bias; None where it can be without.

    One without a default that takes None is asked with and without, as torch's convolution is.

    Args:
        own: what it calls its parameters.
        standard: the same under torch's convention.
    """
    if own.is_layer or "bias" not in standard.options or "bias" in own.defaults:
        return None
    cases = [Convention(TORCHS, case=case) for case in (TINY, OF_THREE, SQUARE)]
    taken = [each for each in cases if asked(own, replace(each, biased=True)).error is None]
    if not taken or asked(own, taken[0]).error is None:
        return None
    return replace(standard, options=standard.options - {"bias"}, always_biased=True)
