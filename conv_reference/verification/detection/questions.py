"""What a process of its own is asked: plain data in, plain data out."""

from __future__ import annotations

from conv_reference.verification.detection.measured import Alarm, Outcome, listen, put
from conv_reference.verification.faults.collection import FAULTS


def measured(asked: tuple[str, int]) -> Outcome:
    """A fault's name and a seed."""
    name, seed = asked
    return put(FAULTS[name], seed)


def listened(asked: tuple[str, int, int]) -> Alarm:
    """A sound convolution's name, a seed, and about how many cases."""
    return listen(*asked)


def sought(asked: tuple[str, int]) -> Outcome:
    """A fault's name and a seed; what is found is not explained."""
    name, seed = asked
    return put(FAULTS[name], seed, explained=False)
