"""Whether a target is too slow for large sizes: a loop in Python over pixels is right, and slow."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch

from conv_reference.geometry import Geometry
from conv_reference.verification.model.case import Values
from conv_reference.verification.trial.observation import observe
from conv_reference.verification.trial.trial import TargetRaised, Trial

TOO_SLOW = "too slow for such sizes: some 2,000 positions take more than 0.03 s"
TOO_SLOW_FOR_ITS_SIZE = (
    "too slow for such sizes: at the pace of smaller ones they would take more than a second"
)
SPARED = frozenset((TOO_SLOW, TOO_SLOW_FOR_ITS_SIZE))
# Seconds of the processor for a probe, forward and backward: a loop over pixels takes longer, and
# through autograd its backward pass may grow with the square of their number.
_PATIENCE = 0.03
_AT_ONCE = 0.001  # seconds: whoever takes no more is fast, though it grow with the square
_HALVINGS = (5, 3)  # of a large size: a thirty-second of it, and, where that takes long, an eighth
_MOST_GROWTH = 2.0  # of the exponent by which the time grows with the size
_KEPT = 64
_seen: dict[tuple[Callable[..., Any], torch.dtype, str], bool] = {}


def is_slow(trial: Trial, probe: str) -> bool:
    """Whether some 2,000 positions already take long; a target is measured once in a process.

    Args:
        trial: of a large size.
        probe: a geometry of some 2,000 positions.
    """
    return _once(trial, probe, lambda: _seconds(trial, Geometry.parse(probe)) >= _PATIENCE)


def is_slow_for_its_size(trial: Trial) -> bool:
    """Whether a large size would take long, by what a thirty-second and an eighth of it take.

    Args:
        trial: of the large size.
    """
    return _once(trial, str(trial.case.geometry), lambda: _would_take_long(trial))


def _once(trial: Trial, measured: str, answer: Callable[[], bool]) -> bool:
    key = (trial.target.prepare, trial.case.dtype, measured)
    if key not in _seen:
        if len(_seen) >= _KEPT:
            _seen.clear()
        _seen[key] = answer()
    return _seen[key]


def _would_take_long(trial: Trial) -> bool:
    smallest, smaller = (halved(trial.case.geometry, times) for times in _HALVINGS)
    least = _seconds(trial, smallest)
    if not _AT_ONCE <= least < _PATIENCE:
        return least >= _PATIENCE
    more = _seconds(trial, smaller)
    growth = math.log2(max(more / least, 1.0)) / (_HALVINGS[0] - _HALVINGS[1])
    return more * 2 ** (_HALVINGS[1] * min(max(growth, 1.0), _MOST_GROWTH)) > 1.0


def halved(geometry: Geometry, times: int) -> Geometry:
    """A geometry with its largest sizes halved, one at a time; its kernel and options stay.

    >>> str(halved(Geometry.parse("n1 c65537 h1 w1 o1 k1"), 5))
    'n1 c2048 h1 w1 o1 k1x1 s1 p0 d1 g1'
    >>> str(halved(Geometry.parse("n2 c65 h12 w12 o65 k3 p1 g65"), 5))
    'n2 c8 h6 w6 o8 k3x3 s1 p1 d1 g8'
    >>> str(halved(Geometry.parse("n1 c1 h9 w9 o1 k3 p1x3 circular"), 9))
    'n1 c1 h2 w4 o1 k3x3 s1 p1x3 d1 g1 circular'
    """
    pads = (sum(sides) for sides in geometry.padding)
    h, w = (max(1, span - pad) for span, pad in zip(geometry.span, pads, strict=True))
    if geometry.padding_mode != "zeros":  # of which no image may be smaller than its padding
        h, w = (
            max(size, 1 + max(sides)) for size, sides in zip((h, w), geometry.padding, strict=True)
        )
    least = {"h": h, "w": w}
    (c, o), g = geometry.group_channels, geometry.groups
    sizes = dict(zip("nghwco", (geometry.batch, g, *geometry.input_size, c, o), strict=True))
    for _ in range(times):
        halves = [name for name, size in sizes.items() if size // 2 >= least.get(name, 1)]
        largest = max(halves, key=sizes.__getitem__, default=None)
        if largest is None:
            break
        sizes[largest] //= 2
    return replace(
        geometry,
        batch=sizes["n"],
        input_size=(sizes["h"], sizes["w"]),
        groups=sizes["g"],
        in_channels=sizes["g"] * sizes["c"],
        out_channels=sizes["g"] * sizes["o"],
    )


def _seconds(trial: Trial, geometry: Geometry) -> float:
    """Of the processor for a probe, forward and backward; 0 where it raises: nothing is known."""
    case = trial.target.restrict(trial.case.on(geometry))
    probe = replace(trial, case=replace(case, values=Values.SPARSE))
    taken = math.inf
    for _ in range(3):  # the first call may set a library up
        call = probe.call()
        start = time.thread_time()  # not what other processes take
        try:
            observe(call)
        except TargetRaised:  # of the probe's sizes: it says nothing of those that are asked for
            return 0.0
        taken = min(taken, time.thread_time() - start)
        if taken < _AT_ONCE:
            break
    return taken
