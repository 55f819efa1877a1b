from __future__ import annotations

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
    assert by_default.time_limit == given.time_limit
    assert by_default.apart_limit == given.apart_limit
    assert request(budget=10.0).apart_limit == 30.0
    assert request(cases=300).apart_limit == clock.MOST_APART
