"""How long a run may take, stage by stage: seconds, and times of them, without torch."""

from __future__ import annotations

# Of the budget, for what is learned of the target before the first case; seconds at least.
STARTING, LEAST_STARTING = 0.2, 2.0
LEAST_SEARCHING = 4.0  # seconds for how it is called: what is not settled then is a guess
# Times the budget of a run that is sized by it, after which its cases are cut at the latest; after
# the budget itself they are, where the pace so far shows that they would be.
OVERRUN = 3
LEAST_JUDGING = 10.0  # seconds for its cases at least: on a busy machine a start takes some
TAKING_APART = 3  # times the budget, for which its failures are taken apart
LEAST_APART, MOST_APART = 20.0, 60.0  # seconds for that
# The same of a run that was cut, whose target is slow: it is to end near its budget.
APART_OF_CUT, LEAST_APART_OF_CUT = 0.5, 5.0
AUDIT_OF_CUT, LEAST_AUDIT_OF_CUT = 0.1, 2.0  # times the budget, seconds: for its audit
# Seconds for the cases that a known crash would take, under one level of instructions.
ELSEWHERE = 20.0
# Times a limit for which is waited while others have the processor: of a case, of a short run.
MOST_WAITS = 4
MOST_LATE = 2  # the same of a run whose limit is long
_MEASURE = MOST_WAITS * LEAST_JUDGING  # seconds up to which a run is short there


def starting(budget: float) -> float:
    """Seconds for what is learned of the target before the first case.

    Args:
        budget: seconds, by which the run is sized.
    """
    return max(LEAST_STARTING, STARTING * budget)


def searching(budget: float) -> float:
    """Seconds of the processor for how the target is called, where that is found by trial.

    Args:
        budget: seconds, by which the run is sized.
    """
    return max(LEAST_SEARCHING, STARTING * budget)


def judging(budget: float) -> float:
    """Seconds after which the cases of a run are cut.

    Args:
        budget: seconds, by which the run is sized.
    """
    return max(LEAST_JUDGING, OVERRUN * budget)


def usual(budget: float) -> float:
    """Seconds after which they are cut where the target is so slow that they would be anyway.

    Args:
        budget: seconds, by which the run is sized.
    """
    return max(LEAST_JUDGING, budget)


def auditing(budget: float) -> float:
    """Seconds for the audit of a run that was cut.

    Args:
        budget: seconds, by which the run is sized.
    """
    return max(LEAST_AUDIT_OF_CUT, AUDIT_OF_CUT * budget)


def times_at_most(limit: float) -> float:
    """By how many times its length a limit may be put off, whatever others had of the processor.

    Of a short run, which would be over before anything was judged, by more than of a long one.

    Args:
        limit: seconds, above 0.
    """
    return max(MOST_LATE, min(MOST_WAITS, _MEASURE / limit))


def taking_apart(budget: float | None, *, cut: bool = False) -> float:
    """Seconds for taking failures apart: a short run is not to end in a long wait.

    Args:
        budget: seconds that the run was given, or has by default; None where no clock cuts it.
        cut: whether it was cut.
    """
    if budget is None:
        return MOST_APART
    if cut:
        return min(MOST_APART, max(LEAST_APART_OF_CUT, APART_OF_CUT * budget))
    return min(MOST_APART, max(LEAST_APART, TAKING_APART * budget))


# The same in words, for who gives a budget.
JUDGING = (
    f"a target too slow for them is cut after it, at least {LEAST_JUDGING:g} s, any at {OVERRUN} "
    f"times as much, on a busy processor at {MOST_LATE} times that, at least {_MEASURE:g} s"
)
APART = (
    f"for {TAKING_APART} times as long, {LEAST_APART:g} to {MOST_APART:g} s, of a run that was cut "
    f"for half as long, at least {LEAST_APART_OF_CUT:g} s"
)
