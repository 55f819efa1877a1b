from __future__ import annotations

import pytest
import torch

from conv_reference.verification.model.case import Case
from conv_reference.verification.options import MOST_CASES
from conv_reference.verification.plan.request import LEAST_LIMIT, OVERRUN, Request


def request(**fields: object) -> Request:
    return Request((torch.float32,), seed=0, **fields)  # type: ignore[arg-type]  # of a table


@pytest.mark.parametrize(
    ("fields", "size", "limit"),
    [
        ({}, 8_000, 20.0 * OVERRUN),
        ({"budget": 8.0}, 3_200, 8.0 * OVERRUN),
        ({"cases": 300}, 300, None),
        ({"cases": 300, "budget": 2.0}, 300, 2.0),
        ({"budget": 1e9}, MOST_CASES, 1e9 * OVERRUN),
        ({"budget": 1e-9}, 1, LEAST_LIMIT),
        ({"case": Case.parse("certificate float32 h1 w1 k1")}, 8_000, None),
    ],
    ids=["by default", "budget", "cases", "both", "huge", "tiny", "single"],
)
def test_how_many_cases_and_for_how_long(
    fields: dict[str, object], size: int, limit: float | None
) -> None:
    asked = request(**fields)
    assert (asked.size, asked.time_limit) == (size, limit)
