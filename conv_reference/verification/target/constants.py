"""The integers in a target's own code: thresholds behind which its faults may lie.

A fault behind ``if channels == 44`` is met by chance once in many runs, and at once where the 44
is read. So a fuzzer's dictionary is made of a program's constants.
"""

from __future__ import annotations

from typing import Any

from conv_reference.verification.reading.threshold_integers import likely
from conv_reference.verification.target.reached import reached


def constants_of(implementation: Any) -> tuple[int, ...]:
    """The integers that its own Python holds, from small to large; none of torch's own functions.

    Args:
        implementation: a function, a class, an instance, or whatever wraps one.
    """
    numbers = (
        abs(held)
        for held in reached(implementation)
        if isinstance(held, int) and not isinstance(held, bool)
    )
    return likely(numbers)
