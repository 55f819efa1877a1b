from __future__ import annotations

import math

import pytest
import torch

from conv_reference.verification.model.case import Case
from conv_reference.verification.options import MOST_CASES, clock
from conv_reference.verification.plan.request import Request


def request(**fields: object) -> Request:
    return Request((torch.float32,), seed=0, **fields)  # type: ignore[arg-type]  # of a table


@pytest.mark.parametrize(
    ("fields", "size", "limit"),
    [
        ({}, 8_000, 20.0 * clock.OVERRUN),
        ({"budget": 8.0}, 3_200, 8.0 * clock.OVERRUN),
        ({"cases": 300}, 300, None),
        ({"cases": 300, "budget": 2.0}, 300, 2.0),
        ({"budget": 1e9}, MOST_CASES, 1e9 * clock.OVERRUN),
        ({"budget": 1e-9}, 1, clock.LEAST_JUDGING),
        ({"case": Case.parse("certificate float32 h1 w1 k1")}, 8_000, None),
    ],
    ids=["by default", "budget", "cases", "both", "huge", "tiny", "single"],
)
def test_how_many_cases_and_for_how_long(
    fields: dict[str, object], size: int, limit: float | None
) -> None:
    asked = request(**fields)
    assert (asked.size, asked.time_limit) == (size, limit)


def test_a_run_without_a_budget_has_the_clock_of_the_default_one() -> None:
    by_default, given = request(), request(budget=20.0)
    for limit in ("start_limit", "search_limit", "usual_limit", "time_limit", "audit_limit"):
        assert getattr(by_default, limit) == getattr(given, limit)
    for cut in (False, True):
        assert by_default.apart_limit(cut=cut) == given.apart_limit(cut=cut)
    assert request(budget=10.0).apart_limit(cut=False) == 30.0


def test_a_run_that_is_cut_ends_near_its_budget() -> None:
    """The fifth before the first case, the cases, the audit, and what failed taken apart."""
    limits = request(budget=60.0)
    assert (limits.start_limit, limits.usual_limit, limits.audit_limit) == (12.0, 60.0, 6.0)
    assert limits.apart_limit(cut=True) == 30.0


@pytest.mark.parametrize(
    "fields", [{"cases": 300}, {"case": Case.parse("certificate float32 h1 w1 k1")}]
)
def test_where_no_clock_cuts_nothing_is_left_out_for_want_of_time(
    fields: dict[str, object],
) -> None:
    unlimited = request(**fields)
    assert (unlimited.start_limit, unlimited.usual_limit, unlimited.audit_limit) == (None,) * 3
    assert unlimited.search_limit == math.inf
    assert unlimited.apart_limit(cut=False) == clock.MOST_APART


def test_a_limit_that_was_given_is_the_only_one() -> None:
    assert request(cases=300, budget=2.0).usual_limit == 2.0
