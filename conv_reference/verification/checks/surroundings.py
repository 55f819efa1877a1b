"""What lies around a call: other threads, and the state of the whole process."""

from __future__ import annotations

import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
import torch
from torch import Tensor

from conv_reference.geometry import Geometry
from conv_reference.verification.checks._calls import on
from conv_reference.verification.checks._registry import Row, Sample, Traits, check
from conv_reference.verification.model.judgement import Judgement
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.target.target import Call, Target
from conv_reference.verification.trial.agreement import agree
from conv_reference.verification.trial.judge import whole
from conv_reference.verification.trial.observation import observe
from conv_reference.verification.trial.state import STATES
from conv_reference.verification.trial.trial import TargetRaised, Trial, target_code, under

_Mode = Callable[[], AbstractContextManager[Any]]
_ROUNDS = 6
_ROWS = 96  # of outputs that the larger images have more
_MOST_PRODUCTS = 4_000_000  # of a pass over them
_LONG, _SHORT = 1.0, 0.05  # seconds that one may be expected to take, and may take


def _one_at_a_time(target: Target) -> str | None:
    said = "its kernel is put into it for the time of a call: two threads would mix them up"
    return said if target.one_at_a_time else None


@check(
    Row(
        "threads",
        "Two threads at once get the answers that one gets.",
        "Servers and data loaders call one layer from several threads.",
        "dW wrong on some calls of the multithreaded path (NNlib.jl#197)",
        at_once=True,
        of_torch=True,
    ),
    traits=Traits(sample=Sample.FEW, parallel=True, cannot=_one_at_a_time),
)
def threads(trial: Trial) -> Iterator[Judgement]:
    """One function, one layer, two threads with different inputs; then so with larger images."""
    found = [*_of_two(trial)]
    yield from found
    if all(judgement.is_exact for judgement in found):
        larger = _larger(trial)
        if larger is not None:
            for mode in trial.some((nullcontext, torch.no_grad), "mode"):
                yield from _of_two(larger, mode)


def _of_two(trial: Trial, mode: _Mode = nullcontext) -> Iterator[Judgement]:
    call = trial.call() if mode is nullcontext else trial.call(requires_grad="")
    X = (-call.X.detach()).requires_grad_(call.X.requires_grad)
    # -X with -G would have the same dK; doubled, integers stay exact.
    calls = (call, replace(call, X=X, G=2 * call.G))
    with mode():
        alone = [observe(one) for one in calls]
    without = "" if mode is nullcontext else " under torch.no_grad"
    with under(f"in two threads at once{without}"):
        together = _together(calls, mode)
    given = trial.operands
    other = replace(given, input=-given.input, grad_output=2 * given.grad_output)
    said = f"two threads at once{without} should agree with one"
    for operands, rounds, reference in zip((given, other), together, alone, strict=True):
        for answers in rounds:
            judgements = agree(
                trial, "threads", answers, reference, said, operands=operands, same=True
            )
            differing = [judgement for judgement in judgements if not judgement.is_exact]
            if differing:
                yield from differing
                return
    yield Judgement("threads", "", Verdict.EXACT)


def _larger(trial: Trial) -> Trial | None:
    """On images for which two threads are in one operation at once; None where that takes long."""
    geometry = trial.case.geometry
    (height, width), (down, across) = geometry.input_size, geometry.stride
    size = height + _ROWS * down, width + _ROWS * across
    larger = on(trial, replace(geometry, batch=min(geometry.batch, 1), input_size=size))
    if larger is None:
        return None
    times = _products(larger.case.geometry) / max(1, _products(geometry))
    if _products(larger.case.geometry) > _MOST_PRODUCTS or times * _seconds(trial) > _LONG:
        return None
    return larger if _seconds(larger) < _SHORT else None


def _products(geometry: Geometry) -> int:
    return geometry.batch * prod((*geometry.weight_shape, *geometry.output_size))


def _seconds(trial: Trial) -> float:
    call = trial.call(requires_grad="")
    begun = time.perf_counter()
    with target_code("Y"):
        call.forward()
    return time.perf_counter() - begun


def _together(calls: tuple[Call, ...], mode: _Mode) -> list[list[dict[str, Any]]]:
    """Each call in a thread of its own, several times over, with switches as often as can be."""
    barrier = threading.Barrier(len(calls))
    answers: list[list[dict[str, Any]]] = [[] for _ in calls]
    errors: list[TargetRaised] = []

    def work(place: int) -> None:
        barrier.wait()
        try:
            with mode():  # which each thread has of its own
                for _ in range(_ROUNDS):
                    answers[place].append(observe(calls[place]))
        except TargetRaised as error:
            errors.append(error)

    workers = [threading.Thread(target=work, args=(place,)) for place in range(len(calls))]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    finally:
        sys.setswitchinterval(interval)
    if errors:
        raise errors[0]
    return answers


@check(
    Row(
        "global_state",
        "Default dtype, random state, thread count and others are left alone.",
        "A layer that reseeds makes dropout repeat itself.",
        "a result that depends on a fixed seed, set on every call",
    ),
    traits=Traits(sample=Sample.FEW, parallel=True, compiler=True),
)
def global_state(trial: Trial) -> Iterator[Judgement]:
    """The process's state before and after, which the engine restores."""
    call = trial.call()  # a layer's constructor draws its first kernel
    before = [state.get() for state in STATES]
    observe(call)
    pairs = zip(STATES, before, strict=True)
    changed = [state.name for state, value in pairs if not _same(value, state.get())]
    for name in changed:
        yield whole("global_state", name, "left alone", "changed by the call")
    if _reseeds_python(trial):
        yield whole("global_state", "Python's random state", "left alone", "set by the call")
    elif not changed:
        yield Judgement("global_state", "", Verdict.EXACT)


def _reseeds_python(trial: Trial) -> bool:
    """Whether a call sets the state; to draw from it, as type checkers do, is harmless."""
    after = []
    callers = random.getstate()
    try:
        for seed in range(2):
            call = trial.call()
            random.seed(seed)
            observe(call)
            after.append(random.getstate())
    finally:
        random.setstate(callers)
    return after[0] == after[1]


def _same(before: Any, after: Any) -> bool:
    if isinstance(before, Tensor):
        return torch.equal(before, after)
    if isinstance(before, tuple):
        return len(before) == len(after) and all(map(_same, before, after))
    return np.array_equal(before, after) if isinstance(before, np.ndarray) else before == after
