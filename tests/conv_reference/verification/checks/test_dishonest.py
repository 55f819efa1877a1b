from __future__ import annotations

from typing import Any

import dishonest
import pytest
from judging import failures

SIZES = "float64 n2 c2 h4 w5 o3 k3x2 p1"


@pytest.mark.parametrize(
    ("implementation", "check", "failure"),
    [
        pytest.param(dishonest.zeros, "certificate", ("forward", "Y"), id="zeros"),
        pytest.param(dishonest.nans, "certificate", ("forward", "Y"), id="NaN"),
        pytest.param(
            dishonest.RemembersByShape(), "fresh_values", ("fresh_values", "Y"), id="first answers"
        ),
        pytest.param(
            dishonest.RemembersByAddress(),
            "updated_arguments",
            ("updated_arguments", "Y"),
            id="first kernels",
        ),
        pytest.param(
            dishonest.RemembersByAddress(), "fresh_values", ("fresh_values", "Y"), id="first kernel"
        ),
        pytest.param(
            dishonest.RightTenTimes(), "repetition", ("repetition", "Y"), id="right ten times"
        ),
        pytest.param(
            dishonest.EverySeventh(), "repetition", ("repetition", "Y"), id="every seventh"
        ),
        pytest.param(
            dishonest.FilledLater(), "memory", ("kept_results", "Y"), id="filled by the next call"
        ),
        pytest.param(dishonest.OneBuffer(), "memory", ("kept_results", "Y"), id="one buffer"),
        pytest.param(dishonest.OneBuffer(), "memory", ("output_memory", "Y"), id="shared buffer"),
        pytest.param(
            dishonest.reseeds,
            "global_state",
            ("global_state", "torch's random state"),
            id="fixed seed",
        ),
        pytest.param(
            dishonest.edits_its_input, "certificate", ("arguments", "X"), id="edits its input"
        ),
        pytest.param(
            dishonest.edits_its_input, "certificate", ("forward", "Y"), id="zeros made right"
        ),
        pytest.param(
            dishonest.edits_its_input, "memory", ("untouched_arguments", "K"), id="written to"
        ),
    ],
)
def test_it_is_caught(implementation: Any, check: str, failure: tuple[str, str]) -> None:
    assert failure in failures(implementation, f"{check} {SIZES}")


@pytest.mark.parametrize("check", ["certificate", "dirty_memory", "fresh_values"])
@pytest.mark.parametrize("bias", ["", "nobias"])
# Of no other test: a right convolution there would leave its answer in this process's memory.
@pytest.mark.parametrize(
    "sizes", ["float64 n2 c2 h7 w6 o3 k3x2 p1", "float64 n1 c1 h3 w5 o1 k2", "float64 h1 w1 k1"]
)
def test_no_answer_is_left_in_freed_memory(check: str, bias: str, sizes: str) -> None:
    # From the second time on, the judge has just computed every answer.
    for _ in range(4):
        found = failures(dishonest.FreedMemory(), f"{check} {sizes} {bias}")
        wrong = {quantity for _, quantity in found}
        assert {"Y", "dX", "dK"} <= wrong
