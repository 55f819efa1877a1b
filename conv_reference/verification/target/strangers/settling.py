"""The convention that a stranger's answers settle: one that agrees, else the nearest."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from conv_reference.geometry import Geometry
from conv_reference.verification.reading.words import Words
from conv_reference.verification.target.purpose import is_on_purpose
from conv_reference.verification.target.strangers.attempt import (
    ODD,
    OF_ONE,
    OF_THREE,
    SQUARE,
    TINY,
    Convention,
    Level,
    asked,
)
from conv_reference.verification.target.strangers.conventions_in_order import conventions_in_order
from conv_reference.verification.target.strangers.nearest_convention import nearest_convention
from conv_reference.verification.target.strangers.option_forms import integers_of, with_sides
from conv_reference.verification.target.strangers.stranger import Stranger

_ANY = Words()


def settled(own: Stranger, words: Words = _ANY) -> Convention | None:
    """The convention that agrees, else the first that answers in the right shape.

    Args:
        own: the stranger.
        words: what is fixed of it; where all is, it is that even if nothing comes of it.
    """
    best = _best_of(own, words, TINY)
    equal = best is None and not own.has_no_size
    if best is None:
        best = _of_equal_sides(own, words)
    if best is not None and equal and not _takes_odd_sides(own, best):
        # It takes a kernel's one side for both, or kernels of one size alone. A target that refuses
        # the others on purpose is left to do so: its reason is reported. One that answers them, if
        # in another shape, is judged on them.
        answer = asked(own, replace(best, case=TINY))
        meant = answer.error is not None and is_on_purpose(answer.error)
        if answer.level is Level.RAISED and (own.is_layer or not meant):
            of_one = replace(best, integers=best.integers | {"kernel_size"})
            if not own.is_layer or asked(own, of_one).level is not Level.RAISED:
                best = of_one  # else its constructor takes a pair alone
    if best is None:
        best = _of_one_tap(own, words)
    if best is None:
        best = nearest_convention(own, conventions_in_order(own, words))
    if best is None and words != _ANY:
        best = next(conventions_in_order(own, words), None)
    if best is None or words.integers is not None:
        return best
    best = replace(best, integers=integers_of(own, best))
    return best if words.padding is not None else with_sides(own, best)


def _takes_odd_sides(own: Stranger, found: Convention) -> bool:
    """Whether even sides are what it raises on, and it answers odd ones that are not equal."""
    raises = asked(own, replace(found, case=TINY)).level is Level.RAISED
    return raises and asked(own, replace(found, case=ODD)).level >= Level.SHAPED


def _of_equal_sides(own: Stranger, words: Words) -> Convention | None:
    """What fits kernels of equal sides; and, where it agrees, what fits square images as well."""
    found = _best_of(own, words, OF_THREE)
    if found is not None:
        return found
    square = _best_of(own, words, SQUARE)
    return square if square is not None and square.level is Level.AGREES else None


def _of_one_tap(own: Stranger, words: Words) -> Convention | None:
    """What agrees on kernels of one tap, where nothing answers any others.

    On one tap a flipped kernel, or a padding of half of it, agrees as well: who answers more than
    one, in whichever shape, is called by these.
    """
    larger = (
        replace(c, case=k) for c in conventions_in_order(own, words) for k in (TINY, OF_THREE)
    )
    if any(asked(own, each).level is not Level.RAISED for each in larger):
        return None
    found = _best_of(own, words, OF_ONE)
    return found if found is not None and found.level is Level.AGREES else None


def _best_of(own: Stranger, words: Words, case: Geometry) -> Convention | None:
    """The convention that agrees on the case, else the first that answers in the right shape.

    On one channel a convolution whose channels are mixed up is right: what answers a kernel for
    each channel in the right shape is called with that.
    """
    best = _best_among(own, (replace(c, case=case) for c in conventions_in_order(own, words)))
    if best is None or best.form.has_channels:
        return best
    of_each = (c for c in conventions_in_order(own, words) if c.form.weight.depthwise)
    return _best_among(own, (replace(c, case=case) for c in of_each)) or best


def _best_among(own: Stranger, conventions: Iterable[Convention]) -> Convention | None:
    best: Convention | None = None
    for convention in conventions:
        if convention.form.weight.depthwise and _has_a_sum(best):
            continue  # the sum over the channels may be what is wrong with it
        answer = asked(own, convention)
        if own.over_arrays and answer.level is Level.SHAPED:
            single = replace(convention, is_single=True)
            if asked(own, single).level is Level.AGREES:
                return replace(single, level=Level.AGREES, several=answer.several)
        if answer.level > (Level.OTHER if best is None else best.level):
            best = replace(convention, level=answer.level, several=answer.several)
        if answer.level is Level.AGREES:
            break
    return best


def _has_a_sum(best: Convention | None) -> bool:
    """Whether what answers in the right shape takes a kernel over several channels."""
    return best is not None and best.form.has_channels and not best.form.weight.depthwise
