from __future__ import annotations

import math

import pytest

from conv_reference.chapter.figures.trend import REACH, trend


@pytest.mark.parametrize("length", [1, 2, 3, 10, 300])
def test_what_falls_exponentially_is_followed_to_its_ends(length: int) -> None:
    values = [5 * 0.97**step for step in range(length)]
    assert trend(values) == pytest.approx(values)


def test_it_does_not_lag_behind_a_bend() -> None:
    """Steep, then flat: the trend reaches the flat part with the values, not REACH steps later."""
    values = [max(math.exp(-step), 0.01) for step in range(200)]
    followed = trend(values)
    assert followed[12] == pytest.approx(0.01, rel=0.1)
    assert followed[REACH] == pytest.approx(0.01, rel=0.01)


def test_noise_goes_and_no_bend_comes_in() -> None:
    noisy = [0.1 * 0.99**step * (1.5 if step % 2 else 1 / 1.5) for step in range(400)]
    slopes = [math.log(b / a) for a, b in zip(trend(noisy)[30:], trend(noisy)[31:], strict=False)]
    assert max(abs(slope - math.log(0.99)) for slope in slopes) < 0.1
    inside = slopes[:-REACH]  # where both sides are there
    assert max(abs(slope - math.log(0.99)) for slope in inside) < 0.01
