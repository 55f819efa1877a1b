from __future__ import annotations

import re
from typing import Any

import careless
import dishonest
import pytest
import torch
from judging import exact_everywhere, failures
from torch import Tensor
from torch.nn.functional import conv2d

from conv_reference import functional
from conv_reference.verification.faults.collection import FAULTS

SIZES = "float32 n2 c2 h5 w6 o3 k1x2 s3"


@pytest.mark.parametrize(
    "implementation", [torch.nn.functional.conv2d, torch.nn.Conv2d, functional.conv2d]
)
@pytest.mark.parametrize("check", ["repetition", "dirty_memory", "fresh_values"])
def test_no_false_alarm(implementation: Any, check: str) -> None:
    assert exact_everywhere(implementation, check, count=3) > 0


def test_pixels_that_are_never_written_are_found_on_dirty_memory() -> None:
    # Which freed block it gets is the allocator's to say, here where other tests have left theirs.
    tries = (failures(careless.Unwritten, f"dirty_memory {SIZES}", seed) for seed in range(5))
    found = next(filter(None, tries), {})

    assert list(found) == [("dirty_memory", "dX")]
    # At most all that no output reads: 2·2·2 of the 30 pixels in each of four planes are read.
    counted = re.search(r"(\d+) of 120 elements (?:are|is) wrong", found["dirty_memory", "dX"])
    assert counted is not None
    assert int(counted[1]) <= 88


def test_a_difference_of_one_unit_is_no_rounding_where_the_first_answer_was_exact() -> None:
    found = failures(dishonest.EverySeventh(), "repetition float64 n2 c2 h4 w5 o3 k3x2")

    assert found["repetition", "Y"].startswith("call 7 with the same arguments should agree")


def test_old_answers_for_new_values_are_found() -> None:
    found = failures(dishonest.RemembersByShape(), f"fresh_values {SIZES}")

    assert found["fresh_values", "Y"].startswith(
        "new values in the same storage should have answers"
    )


MANY = "many_calls float32 n1 c1 h3 w4 o2 k2x3 p1"


@pytest.mark.parametrize(
    "implementation", [torch.nn.functional.conv2d, torch.nn.Conv2d, functional.conv2d]
)
def test_what_is_right_answers_alike_for_ever(implementation: Any) -> None:
    assert not failures(implementation, MANY)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("hundredth_call", "call 100 with the same arguments should agree with the first"),
        ("keeps_everything", "should be no tensor that stays for each call"),
    ],
)
def test_what_changes_or_stays_with_many_calls_is_found(name: str, said: str) -> None:
    found = failures(FAULTS[name].function, MANY)
    assert found["many_calls", "Y"].startswith(said)


def test_a_tensor_that_is_kept_for_each_kernel_is_found() -> None:
    kept: dict[int, Tensor] = {}

    def matrices(input: Tensor, weight: Tensor) -> Tensor:
        for matrix in kept.values():
            if matrix.data_ptr() == weight.data_ptr():
                return conv2d(input, weight)
        kept[len(kept)] = weight.detach().flatten(1)
        return conv2d(input, weight)

    found = failures(matrices, f"{MANY} nobias")
    assert found["many_calls", "Y"].endswith("calls, each on operands of its own")


def test_a_cache_of_so_many_is_right() -> None:
    kept: list[Tensor] = []

    def cached(input: Tensor, weight: Tensor) -> Tensor:
        kept.append(weight.detach().flatten(1))
        del kept[:-100]
        return conv2d(input, weight)

    judgements = failures(cached, f"{MANY} nobias")
    assert not judgements
