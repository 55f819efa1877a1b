"""Under torch.autocast: the dtype of the answers, and their values to the precision of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from conv_reference.operands import Operands
from conv_reference.quantities import FIRST_ORDER
from conv_reference.verification.checks._modes import Mode, without_gradients_under_autocast
from conv_reference.verification.checks._registry import Row, Sample, Traits, check
from conv_reference.verification.model.case import Values, dtype_name
from conv_reference.verification.model.judgement import NO_GRADIENT, Judgement
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.target.answers import type_name
from conv_reference.verification.target.target import Call
from conv_reference.verification.trial.agreement import agree, explained, observed
from conv_reference.verification.trial.integers import Integers
from conv_reference.verification.trial.judge import Expected, judge, kind_mismatch, whole
from conv_reference.verification.trial.raised import raised_in_mode
from conv_reference.verification.trial.transforms import A_TRANSFORM, transforms
from conv_reference.verification.trial.trial import TargetRaised, Trial, target_code

_LOW = torch.bfloat16  # what torch.autocast chooses on a CPU
_OF_A_TRANSFORM = 4  # bits, of the greatest sum of absolute products, that one keeps at least
_TIMES = 3  # as many cases as of a check in several dtypes: each size is to be far out once


@check(
    Row(
        "autocast",
        "Under autocast Y is in bfloat16 or float32, gradients in float32; small integers exact. "
        "Y without gradients, too.",
        "Mixed precision casts the operands behind the implementation's back.",
        "a custom backward pass met a bfloat16 G and a float32 kernel",
        follows=("certificate",),
        optional=True,
    ),
    traits=Traits(sample=Sample.SMALL, times=_TIMES, dtypes=frozenset({torch.float32}), graph=True),
)
def autocast(trial: Trial) -> Iterator[Judgement]:
    """Integers of which every sum is exact in bfloat16, whatever is cast, and in any order.

    Over many samples or positions dK has longer sums than bfloat16 counts: then Y alone is judged.
    """
    integers, only = Integers.of(trial, terms=1, dtype=_LOW), FIRST_ORDER
    if integers is None:
        integers, only = Integers.of(trial, terms=1, dtype=_LOW, quantity="Y"), ("Y",)
    if integers is None:
        return
    operands = integers.operands()
    modes = trial.some(without_gradients_under_autocast(trial), "without gradients")
    asked = _under_autocast(trial, "autocast", operands, real=False, only=only)
    yield from _answered(trial, operands, asked)
    for mode in modes:
        yield from _answered(trial, operands, _without_gradients(trial, mode, operands))
    yield from _after_another(trial, operands)
    yield from _of_the_backward_pass_alone(trial)


def _answered(
    trial: Trial, operands: Operands, judgements: Iterator[Judgement]
) -> Iterator[Judgement]:
    """The judgements; what raises is not judged, for the contract asks for no call under autocast.

    Who has no backward pass there may answer without gradients all the same.
    """
    try:
        yield from judgements
    except TargetRaised as raised:
        asked = "the call" if raised.quantity == "Y" else "the backward pass"
        where = raised.under or "under autocast"
        said = f"{where} {asked} raises {raised}"
        yield raised_in_mode("autocast", trial, raised, said, operands)


_AFTER = "under autocast, of an X in bfloat16, as its own Y is"


def _after_another(trial: Trial, operands: Operands) -> Iterator[Judgement]:
    """Y of an X in bfloat16, as the layer before hands it on, beside a float32 kernel.

    No call is promised there; but that who gives such a Y refuses such an X is worth a line.
    """
    call = trial.call(operands, requires_grad="")
    try:
        Y = _lowered(call, trial)
    except TargetRaised:  # which is not judged: see ``_answered``
        return
    if not isinstance(Y, Tensor) or Y.dtype != _LOW:
        return
    try:
        Y = _lowered(replace(call, X=call.X.to(_LOW)), trial)
    except TargetRaised as raised:
        yield observed("autocast", "Y", f"{_AFTER}, the call raises {type_name(raised.error)}")
        return
    expected = trial.expect(operands, only=("Y",))["Y"]
    yield explained(_to_its_precision(trial, "autocast", "Y", Y, expected, real=False), _AFTER)


def _of_the_backward_pass_alone(trial: Trial) -> Iterator[Judgement]:
    """Gradients of a forward pass outside autocast, asked for within it, are those asked outside.

    Torch does not recommend it, and its own convolutions keep their gradients there.
    """
    if not trial.case.requires_grad:
        return
    call = trial.call()
    try:
        outside, within = (
            _gradients(call, torch.autocast(call.X.device.type, _LOW, enabled=enabled))
            for enabled in (False, True)
        )
    except TargetRaised:  # other checks report what raises outside; within, no call is promised
        return
    compared = agree(trial, "autocast", within, outside, "", same=True)
    if any(not judgement.is_exact for judgement in compared):
        said = "where the backward pass alone is under autocast, the gradients are not the same; "
        said += "torch.amp.custom_bwd keeps those of an autograd.Function as they are"
        yield observed("autocast", "", said)


def _gradients(call: Call, within: AbstractContextManager[Any]) -> dict[str, Tensor | None]:
    with target_code("Y"):
        Y = call.forward()
    if not (isinstance(Y, Tensor) and Y.requires_grad and Y.shape == call.G.shape):
        return {}
    with target_code("dX"), within:
        found = torch.autograd.grad(Y, [*call.leaves.values()], call.G, allow_unused=True)
    return dict(zip(call.leaves, found, strict=True))


def _lowered(call: Call, trial: Trial) -> Any:
    with target_code("Y"), torch.autocast(trial.device.type, _LOW):
        return call.forward()


def _without_gradients(trial: Trial, mode: Mode, operands: Operands) -> Iterator[Judgement]:
    """Y alone, of operands that would ask for gradients, where none are recorded."""
    call = trial.call(operands, requires_grad=trial.case.arguments)
    with mode.of(call), target_code("Y"):
        Y = call.forward()
    expected = trial.expect(operands, only=("Y",))["Y"]
    yield explained(_to_its_precision(trial, "autocast", "Y", Y, expected, real=False), mode.said)


@check(
    Row(
        "autocast_precision",
        "Under autocast Y and the gradients of real operands keep bfloat16's 8 bits.",
        "A path that only mixed precision takes may round more than the operands.",
        "an operand quantised to 8 bits in all, where autocast is on",
    ),
    traits=Traits(sample=Sample.REQUEST, dtypes=frozenset({torch.float32}), graph=True),
)
def autocast_precision(trial: Trial) -> Iterator[Judgement]:
    """Real operands, each rounded once before it is multiplied."""
    reals = replace(trial, case=replace(trial.case, values=Values.REAL))
    yield from _under_autocast(reals, "autocast_precision", reals.operands, real=True)


def _under_autocast(
    trial: Trial, row: str, operands: Operands, *, real: bool, only: tuple[str, ...] = FIRST_ORDER
) -> Iterator[Judgement]:
    """Y and the gradients, or those that are named."""
    call = trial.call(operands, requires_grad=trial.case.arguments)
    leaves = call.leaves
    with target_code("Y"), torch.autocast(trial.device.type, _LOW):
        Y = call.forward()
    found: dict[str, Any] = {"Y": Y}
    if isinstance(Y, Tensor) and Y.requires_grad and Y.shape == call.G.shape:
        with target_code("dX"):  # outside the context, as torch's manual has it
            gradients = torch.autograd.grad(
                Y, list(leaves.values()), call.G.to(Y.dtype), allow_unused=True
            )
        found |= dict(zip(leaves, gradients, strict=True))
    if isinstance(Y, Tensor):  # either is accepted; where both are met, a reader is to know
        of = f"under autocast, Y of operands in {dtype_name(trial.case.dtype)} is"
        for dtype in dict.fromkeys((Y.dtype, *_dtype_without_bias(trial, operands))):
            yield observed(row, "Y", f"in {dtype_name(dtype)}", of=of)
    asked = ("Y",) if trial.target.forward_only else only
    for name, expected in trial.expect(operands, only=asked).items():
        if name not in found:
            yield whole(row, name, "a gradient", NO_GRADIENT)
            continue
        yield _to_its_precision(trial, row, name, found[name], expected, real=real)


def _dtype_without_bias(trial: Trial, operands: Operands) -> Iterator[torch.dtype]:
    """That of Y where no bias, which may be of a wider dtype, is added; none where one must be."""
    if trial.case.bias and "bias" in trial.target.options:
        bare = replace(trial, case=replace(trial.case, bias=False))
        with suppress(TargetRaised):
            Y = _lowered(bare.call(operands, requires_grad=""), bare)
            if isinstance(Y, Tensor):
                yield Y.dtype


def _to_its_precision(
    trial: Trial, row: str, name: str, actual: Any, expected: Expected, *, real: bool
) -> Judgement:
    """Of the right kind, and right to the precision of bfloat16."""
    mismatch = kind_mismatch(row, name, actual, expected)
    is_low = isinstance(actual, Tensor) and actual.dtype == _LOW
    if mismatch is not None and not (name == "Y" and is_low):
        return mismatch
    # Each operand was rounded once before it was multiplied: two more roundings for each
    # product, and one for the comparison in bfloat16.
    wanted = replace(expected, dtype=_LOW, terms=expected.terms + 3)
    judged = trial.judge(row, name, actual.to(_LOW), wanted, real=real)
    if judged.verdict != Verdict.WRONG:
        return judged
    # What autocast lowers of a transform, Winograd's of large tiles above all, are its numbers in
    # between, whose digits are lost with them.
    few = judge(row, name, actual.to(_LOW), wanted, allowed_bits=_OF_A_TRANSFORM, real=real)
    if few.verdict == Verdict.ROUNDED and transforms(trial, name):
        said = f"under autocast {name}, of {A_TRANSFORM}, keeps fewer digits than bfloat16 has"
        return observed(row, name, said)
    return judged
