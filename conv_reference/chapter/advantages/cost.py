"""Cost: multiplications and time of a convolution beside its dense map."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from conv_reference.chapter.filters import make_filter

_LEAST = 0.01  # seconds for each measurement
_ROUNDS = 5


@dataclass(frozen=True)
class Cost:
    """One image of side×side pixels and a 3×3 kernel."""

    side: int
    layer_multiplications: int
    dense_multiplications: int
    layer_seconds: float  # the least of several rounds
    dense_seconds: float


def measure(sides: Sequence[int]) -> tuple[Cost, ...]:
    """Count, and take the time of, the chapter's layer and the dense map at each size.

    The dense matrix holds random numbers: its time does not depend on them.
    """
    return tuple(_measure(side) for side in sides)


def _measure(side: int) -> Cost:
    outputs, inputs = (side - 2) ** 2, side**2
    image = torch.rand(1, side, side)
    apply = make_filter("chapter", torch.rand(3, 3), learns=False)
    matrix = torch.rand(outputs, inputs)
    flat: Tensor = image.flatten()
    return Cost(
        side,
        9 * outputs,
        outputs * inputs,
        _seconds(lambda: apply(image)),
        _seconds(lambda: matrix @ flat),
    )


def _seconds(function: Callable[[], object]) -> float:
    """Of one call: the least over rounds, each long enough for the clock."""
    function()
    calls = 1
    while (spent := _timed(function, calls)) < _LEAST:
        calls *= 2
    return min(spent, *(_timed(function, calls) for _ in range(_ROUNDS - 1))) / calls


def _timed(function: Callable[[], object], calls: int) -> float:
    start = time.perf_counter()
    for _ in range(calls):
        function()
    return time.perf_counter() - start
