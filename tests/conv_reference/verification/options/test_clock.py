"""How long a stage of a run may take follows from its budget alone."""

from __future__ import annotations

import pytest

from conv_reference.verification.options import clock, tried


@pytest.mark.parametrize(
    ("budget", "start", "usual", "judging", "at_most", "apart", "apart_of_cut"),
    [
        (0.5, 2.0, 10.0, 10.0, 40.0, 20.0, 5.0),
        (5.0, 2.0, 10.0, 15.0, 40.0, 20.0, 5.0),
        (10.0, 2.0, 10.0, 30.0, 60.0, 30.0, 5.0),
        (20.0, 4.0, 20.0, 60.0, 120.0, 60.0, 10.0),
        (100.0, 20.0, 100.0, 300.0, 600.0, 60.0, 50.0),
    ],
)
def test_a_short_run_has_more_time_in_proportion(
    budget: float,
    start: float,
    usual: float,
    judging: float,
    at_most: float,
    apart: float,
    apart_of_cut: float,
) -> None:
    limit = clock.judging(budget)
    assert (clock.starting(budget), clock.usual(budget), limit) == (start, usual, judging)
    assert clock.times_at_most(limit) * limit == pytest.approx(at_most)
    assert clock.taking_apart(budget) == apart
    assert clock.taking_apart(budget, cut=True) == apart_of_cut


def test_the_help_says_so() -> None:
    assert (
        "a target too slow for them is cut after it, at least 10 s, any at 3 times as much, on a "
        "busy processor at 2 times that, at least 40 s; "
    ) in tried.BUDGET.help
    assert "for 3 times as long, 20 to 60 s, of a run that was cut" in tried.BUDGET.help
