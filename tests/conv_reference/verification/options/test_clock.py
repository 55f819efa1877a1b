"""How long a stage of a run may take follows from its budget alone."""

from __future__ import annotations

import pytest

from conv_reference.verification.options import clock, tried


@pytest.mark.parametrize(
    ("budget", "judging", "at_most", "apart"),
    [
        (0.5, 10.0, 40.0, 20.0),
        (5.0, 15.0, 40.0, 20.0),
        (10.0, 30.0, 60.0, 30.0),
        (20.0, 60.0, 120.0, 60.0),
        (100.0, 300.0, 600.0, 60.0),
    ],
)
def test_a_short_run_has_more_time_in_proportion(
    budget: float, judging: float, at_most: float, apart: float
) -> None:
    limit = clock.judging(budget)
    assert (limit, clock.taking_apart(budget)) == (judging, apart)
    assert clock.times_at_most(limit) * limit == pytest.approx(at_most)


def test_the_help_says_so() -> None:
    assert (
        "the clock cuts at 3 times as much, at least 10 s, on a busy processor at 2 times that, "
        "at least 40 s; "
    ) in tried.BUDGET.help
    assert "for 3 times as long, 20 to 60 s" in tried.BUDGET.help
