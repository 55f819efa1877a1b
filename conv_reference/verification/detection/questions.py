"""What is run in a process of its own: plain data in, plain data out.

Whatever is raised there is the answer to this question alone: the other answers are not lost.
"""

from __future__ import annotations

from conv_reference.verification.detection.measured import Alarm, Outcome, listen, nothing_of, put
from conv_reference.verification.faults.collection import FAULTS
from conv_reference.verification.target.answers import message_of, type_name


def measured(asked: tuple[str, int]) -> Outcome:
    """A fault's name and a seed."""
    return _put(*asked, explained=True)


def sought(asked: tuple[str, int]) -> Outcome:
    """A fault's name and a seed; what is found is not explained."""
    return _put(*asked, explained=False)


def listened(asked: tuple[str, int, int]) -> Alarm:
    """A sound convolution's name, a seed, and about how many cases."""
    try:
        return listen(*asked)
    except Exception as error:
        return unheard(asked, _said(error))


def unmeasured(asked: tuple[str, int], reason: str) -> Outcome:
    """What stands for a fault whose process ended."""
    name, seed = asked
    return nothing_of(FAULTS[name], seed, reason)


def unheard(asked: tuple[str, int, int], reason: str) -> Alarm:
    """What stands for a sound convolution whose process ended."""
    return Alarm(asked[0], cases=0, seconds=0.0, failed=reason)


def _put(name: str, seed: int, *, explained: bool) -> Outcome:
    try:
        return put(FAULTS[name], seed, explained=explained)
    except Exception as error:
        return nothing_of(FAULTS[name], seed, _said(error))


def _said(error: Exception) -> str:
    return f"{type_name(error)}: {message_of(error)}"
