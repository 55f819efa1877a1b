from __future__ import annotations

import pytest
import torch

from conv_reference.chapter.curvature import curvature, image_curvatures
from conv_reference.chapter.data import Dataset
from conv_reference.chapter.stability import (
    bisect,
    diverged,
    full_batch_limit,
    mean_square_limit,
    minibatch_limit,
    typical_limit,
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def images(fashion: Dataset) -> torch.Tensor:
    return fashion.images(1280)


@pytest.mark.parametrize("scale", [1, 255])
def test_the_measured_limit_is_the_predicted_one_within_3_percent(
    images: torch.Tensor, scale: int
) -> None:
    few = images[:16] * scale
    limit = full_batch_limit(few, 40, 1e-8)

    assert limit.middle == pytest.approx(curvature(few, (3, 3)).threshold, rel=0.03)
    assert limit.converges < limit.diverges


def test_minibatches_bear_what_a_typical_run_is_predicted_to_bear(images: torch.Tensor) -> None:
    each = image_curvatures(images, (3, 3))
    threshold = curvature(images, (3, 3)).threshold
    measured = minibatch_limit(images, 16, threshold).middle

    assert measured == pytest.approx(typical_limit(each, 16), rel=0.03)
    assert measured > threshold > mean_square_limit(each, 16)


@pytest.mark.parametrize("start", [1e-6, 0.3, 50.0])
def test_bisection_finds_a_limit_from_either_side(start: float) -> None:
    found = bisect(lambda rate: rate >= 0.25, start)
    assert found.converges < 0.25 <= found.diverges <= found.converges * 1.005


def test_one_and_the_same_curvature_leaves_the_plain_limit() -> None:
    A = torch.tensor([[2.0, 1.0], [1.0, 2.0]], dtype=torch.float64).expand(10, 2, 2)
    assert mean_square_limit(A, 3) == pytest.approx(1 / 3, rel=1e-4)
    assert typical_limit(A, 3) == pytest.approx(1 / 3, rel=2e-3)


def test_the_whole_batch_leaves_the_plain_limit(images: torch.Tensor) -> None:
    each = image_curvatures(images, (3, 3))
    threshold = curvature(images, (3, 3)).threshold
    assert mean_square_limit(each, len(each)) == pytest.approx(threshold, rel=1e-4)


def test_in_one_dimension_the_mean_square_limit_is_the_mean_over_the_mean_square() -> None:
    """E[(1 - 2 η λ)²] < 1 is η < E[λ] / E[λ²]."""
    each = torch.tensor([1.0, 3.0], dtype=torch.float64)[:, None, None]
    assert mean_square_limit(each, 1) == pytest.approx(2 / 5, rel=1e-4)


def test_smaller_batches_part_the_two_limits_further(images: torch.Tensor) -> None:
    each = image_curvatures(images, (3, 3))
    threshold = curvature(images, (3, 3)).threshold
    small, large = (
        (mean_square_limit(each, size) / threshold, typical_limit(each, size) / threshold)
        for size in (4, 32)
    )
    assert small[0] < large[0] < 1 < large[1] < small[1]


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        ([2.0**-step for step in range(8)], False),
        ([2.0**step for step in range(8)], True),
        ([9.0, 1.0, 1.0, 1.0, 2.0, 4.0, 8.0, 16.0], True),
        ([9.0, 1.0, 1.0, float("inf")], True),
        ([9.0, 1.0, 1.0, float("nan")], True),
    ],
)
def test_a_run_diverges_when_its_loss_rises_in_the_end(losses: list[float], expected: bool) -> None:
    assert diverged(losses) is expected
