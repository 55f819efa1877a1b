from __future__ import annotations

import math

import pytest
import torch

from conv_reference.chapter.data import Dataset
from conv_reference.chapter.initialisation import INITS, moments, spread, torch_default, train_both


@pytest.fixture(scope="module")
def images(fashion: Dataset) -> torch.Tensor:
    return fashion.images(24)


@pytest.mark.parametrize("init", INITS)
@pytest.mark.parametrize("size", [3, 5])
def test_theory_and_measurement_agree(images: torch.Tensor, init: str, size: int) -> None:
    draws = 400
    found = spread(images, init, size, draws)

    # The standard error of a variance over kernels that share the same patches.
    assert found.variance[1] == pytest.approx(found.variance[0], rel=4 * math.sqrt(2 / draws))
    assert found.loss[1] == pytest.approx(found.loss[0], rel=4 * math.sqrt(2 / draws))


def test_the_unit_kernel_spreads_with_size_and_the_scaled_one_does_not(
    images: torch.Tensor,
) -> None:
    small, large = (
        {init: spread(images, init, size, 2).variance[0] for init in INITS} for size in (3, 9)
    )
    assert large["unit"] > 20 * small["unit"]
    assert large["scaled"] < 1.5 * small["scaled"]


def test_the_moments_are_those_of_the_uniform_distributions() -> None:
    for init, low, high in (("unit", 0.0, 1.0), ("scaled", -1 / 5, 1 / 5)):
        assert moments(init, 25) == pytest.approx(((low + high) / 2, (high - low) ** 2 / 12))


@pytest.mark.parametrize("size", [1, 3, 7])
def test_torch_draws_from_the_exercises_interval(size: int) -> None:
    before = torch.get_rng_state()
    found = torch_default(size)

    assert 0.99 / size < found.greatest <= found.bound == pytest.approx(1 / size)
    assert found.variance[1] == pytest.approx(found.variance[0], rel=0.05)
    assert torch.equal(torch.get_rng_state(), before)


def test_both_runs_use_one_stable_rate_and_the_scaled_one_starts_lower(
    images: torch.Tensor,
) -> None:
    unit, scaled = train_both(images, 5, seed=0)

    assert unit.settings.learning_rate == scaled.settings.learning_rate
    assert not unit.diverged
    assert not scaled.diverged
    assert scaled.losses[0] < unit.losses[0]
