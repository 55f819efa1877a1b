"""A curve through noisy values that neither lags behind them nor bends where they do not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

# Values on either side that a point of the trend listens to, once there are so many before it.
REACH = 25


def trend(values: Sequence[float], reach: int = REACH) -> list[float]:
    """The local trend of values more than 0: of each, and of its neighbours on both sides.

    In logarithms a straight line is fitted about each value, by least squares whose weights fall
    from the middle to the ends, and read off in the middle (Cleveland, "Robust Locally Weighted
    Regression and Smoothing Scatterplots", 1979, without the robustness). What falls
    exponentially is therefore followed exactly, at the ends too, where a mean of the values
    before lags behind, and one of those that are there bends. Towards the first value the
    neighbourhood narrows, for a run falls steepest there.

    Args:
        values: one for each step.
        reach: neighbours on either side, at least 1.

    >>> [round(value, 6) for value in trend([8.0, 4.0, 2.0, 1.0, 0.5])]
    [8.0, 4.0, 2.0, 1.0, 0.5]
    """
    logs = np.log(np.clip(np.asarray(values, dtype=np.float64), 1e-300, None))
    return [
        float(np.exp(_middle(logs, place, min(reach, max(1, place // 2)) if place else 0)))
        for place in range(len(logs))
    ]


def _middle(logs: Float[np.ndarray, " n"], place: int, reach: int) -> float:
    """The fitted line at one place."""
    near = slice(max(0, place - reach), place + reach + 1)
    heights = logs[near]
    if not reach or len(heights) < 3:
        return float(logs[place])
    at = np.arange(near.start, near.start + len(heights)) - place
    weights = (1 - (np.abs(at) / (reach + 1)) ** 3) ** 3
    total = weights.sum()
    mean_at, mean = (weights * at).sum() / total, (weights * heights).sum() / total
    slope = (weights * (at - mean_at) * heights).sum() / (weights * (at - mean_at) ** 2).sum()
    return float(mean - slope * mean_at)
