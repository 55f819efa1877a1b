"""Where no convention fits: the one under which a stranger came furthest, for it answered there.

Who reads the last attempt's error looks for it in vain: what is wrong is the shape of the
answer before it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from conv_reference.verification.target.strangers.attempt import Answer, Convention, Level, asked
from conv_reference.verification.target.strangers.stranger import Stranger


def nearest_convention(own: Stranger, conventions: Iterable[Convention]) -> Convention | None:
    """The convention whose answer has the most sizes right; None where nothing is answered.

    The kernel of a layer has the form that the convention says, so that whatever it answers is its
    answer. A function takes whatever it is given: of its answer all but the height and the width
    must be right.

    Args:
        own: the stranger.
        conventions: those that could be, the likelier first.
    """
    answers = [(convention, asked(own, convention)) for convention in conventions]
    near = [
        (convention, answer)
        for convention, answer in answers
        if answer.level is Level.OTHER and (own.is_layer or _has_its_planes(answer))
    ]
    if not near:
        return None
    found, answer = max(near, key=lambda pair: (_has_its_planes(pair[1]), sum(pair[1].sizes)))
    return replace(found, level=answer.level, several=answer.several)


def _has_its_planes(answer: Answer) -> bool:
    """Whether there is a plane for each sample and each channel, of whatever height and width."""
    return bool(answer.sizes) and all(answer.sizes[:-2])
