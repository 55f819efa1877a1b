"""How long a run may take, stage by stage: seconds, and times of them, without torch."""

from __future__ import annotations

OVERRUN = 3  # times the budget of a run that is sized by it, after which its cases are cut
LEAST_JUDGING = 10.0  # seconds for its cases at least: on a busy machine a start takes some
TAKING_APART = 3  # times the budget, for which its failures are taken apart
LEAST_APART, MOST_APART = 20.0, 60.0  # seconds for that
# Seconds for the cases that a known crash would take, under one level of instructions.
ELSEWHERE = 20.0
# Times a limit for which is waited while others have the processor: of a case, of a short run.
MOST_WAITS = 4
MOST_LATE = 2  # the same of a run whose limit is long
_MEASURE = MOST_WAITS * LEAST_JUDGING  # seconds up to which a run is short there


def judging(budget: float) -> float:
    """Seconds after which the cases of a run are cut.

    Args:
        budget: seconds, by which the run is sized.
    """
    return max(LEAST_JUDGING, OVERRUN * budget)


def times_at_most(limit: float) -> float:
    """By how many times its length a limit may be put off, whatever others had of the processor.

    Of a short run, which would be over before anything was judged, by more than of a long one.

    Args:
        limit: seconds, above 0.
    """
    return max(MOST_LATE, min(MOST_WAITS, _MEASURE / limit))


def taking_apart(budget: float | None) -> float:
    """Seconds for taking failures apart: a short run is not to end in a long wait.

    Args:
        budget: seconds that the run was given, or has by default; None where no clock cuts it.
    """
    if budget is None:
        return MOST_APART
    return min(MOST_APART, max(LEAST_APART, TAKING_APART * budget))


# The same in words, for who gives a budget.
JUDGING = (
    f"the clock cuts at {OVERRUN} times as much, at least {LEAST_JUDGING:g} s, on a busy processor "
    f"at {MOST_LATE} times that, at least {_MEASURE:g} s"
)
APART = f"for {TAKING_APART} times as long, {LEAST_APART:g} to {MOST_APART:g} s"
