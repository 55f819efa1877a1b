from __future__ import annotations

import pytest
import torch

from conv_reference.geometry import Geometry
from conv_reference.verification.values import TRIALS, Trial, miss_bound, trial_operands

GEOMETRY = Geometry.parse("n2 c2 h4 w5 o3 k2x3")


def test_operands_depend_on_nothing_but_the_arguments() -> None:
    trial = TRIALS[0]
    first, again = (trial_operands(GEOMETRY, torch.float32, trial, seed=5) for _ in range(2))
    other = trial_operands(GEOMETRY, torch.float32, trial, seed=6)

    assert torch.equal(first.input, again.input)
    assert not torch.equal(first.input, other.input)


def test_each_operand_is_heavy_in_one_trial_and_one_trial_is_balanced() -> None:
    assert [trial.heavy for trial in TRIALS] == [None, "input", "weight", "grad_output"]


@pytest.mark.parametrize("heavy", ["input", "weight", "grad_output"])
def test_a_heavy_operand_shows_a_downcast_to_ten_bits(heavy: str) -> None:
    operands = trial_operands(GEOMETRY, torch.float32, Trial(heavy, True), seed=0)  # type: ignore[arg-type]
    assert getattr(operands, heavy).abs().max() > 2**11


def test_the_miss_bound_is_that_of_two_draws() -> None:
    # 2^24 // 16 products (dK sums over 2·3·3 = 18 positions): m = isqrt(932067) = 965.
    q = 2 * 965
    assert miss_bound(GEOMETRY, torch.float32, "Y") == pytest.approx(1 - (1 - 1 / q) ** 2)
    assert miss_bound(GEOMETRY, torch.float32, "db") == pytest.approx(1 / q)


def test_the_miss_bound_holds_for_a_fault_in_one_product() -> None:
    """A missing product Y[0] -= K·X is missed exactly when it is zero: never, without zeros."""
    operands = trial_operands(GEOMETRY, torch.bfloat16, TRIALS[0], seed=0)
    assert (operands.input != 0).all()
    assert (operands.weight != 0).all()
