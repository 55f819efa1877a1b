"""What a process of its own is asked: plain data in, plain data out.

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
    name, seed, cases = asked
    try:
        return listen(name, seed, cases)
    except Exception as error:
        return Alarm(name, cases=0, seconds=0.0, failed=_said(error))


def _put(name: str, seed: int, *, explained: bool) -> Outcome:
    try:
        return put(FAULTS[name], seed, explained=explained)
    except Exception as error:
        return nothing_of(FAULTS[name], seed, _said(error))


def _said(error: Exception) -> str:
    return f"{type_name(error)}: {message_of(error)}"
