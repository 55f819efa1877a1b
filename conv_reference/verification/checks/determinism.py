"""Determinism: the same question has the same answer, the twentieth time and on dirty memory."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from torch import Tensor

from conv_reference.operands import Operands
from conv_reference.verification import accelerator
from conv_reference.verification.checks._calls import overwrite
from conv_reference.verification.checks._registry import Row, Sample, Traits, check
from conv_reference.verification.model.judgement import Judgement
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.target.target import Call
from conv_reference.verification.trial.agreement import against_oracle, agree
from conv_reference.verification.trial.judge import whole
from conv_reference.verification.trial.observation import observe
from conv_reference.verification.trial.trial import Trial

_REPETITIONS = 16  # "right on the first ten calls" and "every seventh is wrong" show
_MANY = 128  # calls of one shape: more than a counter, a cache or a warm-up is likely to wait for
_DIRTY_BLOCKS = 8  # of each size: glibc alone keeps seven freed ones for each thread


@check(
    Row(
        "repetition",
        "Many calls with the same arguments agree bit for bit.",
        "Races and uninitialised memory are wrong on some runs only.",
        "dX NaN in some of 1000 runs (NNlib.jl PR#45)",
    ),
    traits=Traits(sample=Sample.MODES, parallel=True),
)
def repetition(trial: Trial) -> Iterator[Judgement]:
    """Sixteen calls, on fresh arguments and on the same ones in turn."""
    call = trial.call()
    first = observe(call)
    for count in range(2, _REPETITIONS + 1):
        found = observe(call if count % 2 else trial.call())
        differing = _differing(trial, "repetition", found, first, count)
        if differing:
            yield from differing
            return
    yield Judgement("repetition", "", Verdict.EXACT)


def _differing(
    trial: Trial, row: str, found: dict[str, Any], first: dict[str, Any], count: int
) -> list[Judgement]:
    """In what a later call with the same arguments does not agree with the first."""
    said = f"call {count} with the same arguments should agree with the first"
    return [j for j in agree(trial, row, found, first, said, same=True) if not j.is_exact]


@check(
    Row(
        "many_calls",
        "The 128th call of one shape answers as the first, and keeps no tensor for each call.",
        "Tuning, caches and compilers take another path once a shape was seen often enough.",
        "another kernel from some call on (llm.c PR#851)",
        own=("n1 c1 h3 w4 o2 k2x3 p1",),
    ),
    traits=Traits(sample=Sample.OWN),
)
def many_calls(trial: Trial) -> Iterator[Judgement]:
    """Forward alone, on the same arguments, and then on others each time."""
    call = trial.call(requires_grad="")
    first = observe(call)
    for count in range(2, _MANY + 1):
        differing = _differing(trial, "many_calls", observe(call), first, count)
        if differing:
            yield from differing
            return
    of_its_own = ", each on operands of its own"
    for called, said in ((lambda: call, ""), (lambda: trial.call(requires_grad=""), of_its_own)):
        more = _kept(called)
        if more >= _MANY // 2:
            kept = f"{more} more after {_MANY} calls{said}"
            yield whole("many_calls", "Y", "no tensor that stays for each call", kept)
            return
    yield Judgement("many_calls", "", Verdict.EXACT)


def _kept(made: Callable[[], Call]) -> int:
    """How many tensors stay of many calls; before them a cache of so many is filled."""

    def called() -> None:
        for _ in range(_MANY):
            observe(made())

    called()
    with _since() as tensors:
        called()
        return tensors()


@contextmanager
def _since() -> Iterator[Callable[[], int]]:
    """Within the block: how many tensors Python knows that were not there when it began.

    What was there is kept out of the search, as it may be already: then there was little.
    """
    is_frozen = gc.get_freeze_count() > 0
    if not is_frozen:
        gc.freeze()
    before = _tensors()
    try:
        yield lambda: _tensors() - before
    finally:
        if not is_frozen:
            gc.unfreeze()


def _tensors() -> int:
    return sum(type(found) is Tensor for found in gc.get_objects())


@check(
    Row(
        "dirty_memory",
        "Freed memory full of NaN shows in no result.",
        "A result that is not wholly written holds whatever was there before.",
        "dX pixels never written where the kernel is smaller than the stride (MIOpen PR#566)",
    ),
    traits=Traits(sample=Sample.MODES),
)
def dirty_memory(trial: Trial) -> Iterator[Judgement]:
    """NaN in freed blocks of every size in question, just before each pass."""
    shapes = trial.shapes
    call = trial.call()
    _soil(trial, shapes)
    found = observe(_soiling(trial, call, shapes))
    yield from against_oracle(trial, "dirty_memory", found, "on freed memory full of NaN")


def _soiling(trial: Trial, call: Call, shapes: dict[str, tuple[int, ...]]) -> Call:
    """The same call, which soils the memory once more between its passes."""

    def function(X: Tensor, K: Tensor, b: Tensor | None) -> Any:
        Y = call.function(X, K, b)
        _soil(trial, {name: shape for name, shape in shapes.items() if name != "Y"})
        return Y

    return replace(call, function=function)


def _soil(trial: Trial, shapes: dict[str, tuple[int, ...]]) -> None:
    """Allocate blocks of these sizes, fill them with NaN and free them all at once."""
    geometry = trial.case.geometry
    unfolded = (
        *(geometry.batch, geometry.in_channels, *geometry.kernel_size),
        *geometry.output_size,
    )
    padded = (geometry.batch, geometry.in_channels, *geometry.padded_size)
    sizes = (*shapes.values(), unfolded, padded)
    accelerator.soil(sizes, trial.case.dtype, trial.device, blocks=_DIRTY_BLOCKS)


@check(
    Row(
        "fresh_values",
        "Other values in the same storage have their own answers, and the first ones theirs again.",
        "An answer that is remembered by address or by shape is right once.",
        "a generated kernel that remembers its first answers",
    ),
    traits=Traits(sample=Sample.MODES, parallel=True),
)
def fresh_values(trial: Trial) -> Iterator[Judgement]:
    """The arguments overwritten, and restored."""
    plain = trial.writable()
    call = plain.call()
    given = plain.operands
    if set(observe(call)) == {"Y"} and call.leaves:
        return  # no Y of the right shape: reported by the certificate
    other = Operands(
        input=given.input.roll(1, -1).neg(),
        weight=given.weight.roll(1, -1),
        bias=given.bias.neg(),
        grad_output=given.grad_output.roll(1, -1),
    )
    for operands, which in ((other, "new values in the same storage"), (given, "the old again")):
        overwrite(call, operands)
        found = observe(call)
        said = f"{which} should have answers of their own"
        yield from against_oracle(plain, "fresh_values", found, said, operands=operands)
