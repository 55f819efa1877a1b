"""Whether a target is too slow for large sizes: a loop in Python over pixels is right, and slow."""

from __future__ import annotations

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
# Seconds of the processor for a probe, forward and backward: a loop over pixels takes longer, and
# through autograd its backward pass may grow with the square of their number.
_PATIENCE = 0.03
_KEPT = 64
_seen: dict[tuple[Callable[..., Any], torch.dtype, str], bool] = {}


def is_slow(trial: Trial, probe: str) -> bool:
    """Whether a small part of the size already takes long; a target is measured once in a process.

    Args:
        trial: of the large size.
        probe: a geometry of some 2,000 positions.
    """
    key = (trial.target.prepare, trial.case.dtype, probe)
    if key not in _seen:
        if len(_seen) >= _KEPT:
            _seen.clear()
        _seen[key] = _takes_long(trial, probe)
    return _seen[key]


def _takes_long(trial: Trial, text: str) -> bool:
    case = trial.target.restrict(trial.case.on(Geometry.parse(text)))
    probe = replace(trial, case=replace(case, values=Values.SPARSE))
    for _ in range(3):  # the first call may set a library up
        call = probe.call()
        start = time.thread_time()  # not what other processes take
        try:
            observe(call)
        except TargetRaised:  # of the probe's sizes: it says nothing of those that are asked for
            return False
        if time.thread_time() - start < _PATIENCE:
            return False
    return True
