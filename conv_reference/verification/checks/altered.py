"""Arguments that are altered: between forward and backward, and between two calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from conv_reference.operands import Operands
from conv_reference.verification.checks._calls import backward, forward
from conv_reference.verification.checks._modes import PLAIN, Mode, modes_of
from conv_reference.verification.checks._registry import Row, Sample, Traits, check
from conv_reference.verification.model.judgement import Judgement
from conv_reference.verification.model.result import FAILURES, Verdict
from conv_reference.verification.target.answers import message_of
from conv_reference.verification.target.target import Call
from conv_reference.verification.trial.agreement import against_oracle
from conv_reference.verification.trial.trial import (
    TargetRaised,
    Trial,
    each_asked,
)


@check(
    Row(
        "saved_tensors",
        "Changing X or K between forward and backward is refused, or the old value is used.",
        "A gradient of numbers that the forward pass never saw is silently wrong.",
        "the backward pass reads an argument after it was changed (a class of FAULTS: ALIAS)",
    ),
    traits=Traits(sample=Sample.MODES, gradient=True, graph=True),
)
def saved_tensors(trial: Trial) -> Iterator[Judgement]:
    """An argument negated in between."""
    plain = trial.writable()
    for role in ("X", "K"):
        call = plain.call()
        Y = forward(call)
        if Y is None or not Y.requires_grad:
            return
        with torch.no_grad():
            getattr(call, role).neg_()
        try:
            found = backward(call, Y)
        except TargetRaised as raised:
            if not _refuses_the_change(raised.error):
                raise
            yield Judgement("saved_tensors", role, Verdict.EXACT)
            continue
        said = f"{role} changed after the forward pass: the gradient should be that of the old one"
        for judgement in against_oracle(plain, "saved_tensors", found, said):
            yield judgement if judgement.is_exact else replace(judgement, cause=_UNSEEN)


_UNSEEN = (
    "Perhaps it is kept in another way than by ctx.save_for_backward, which notices such a change."
)


def _refuses_the_change(error: BaseException) -> bool:
    """Torch's own words, for a tensor that was saved and for a view of one."""
    said = message_of(error)
    return "modified by an inplace operation" in said or "has been modified inplace" in said


@check(
    Row(
        "updated_arguments",
        "A kernel, bias or input that was changed in place is seen by the next call, in each mode.",
        "Optimisers update in place; a cache of the kernel then answers for the old one.",
        "a cache of rearranged weights, keyed on the address",
    ),
    traits=Traits(sample=Sample.MODES),
)
def updated_arguments(trial: Trial) -> Iterator[Judgement]:
    """Calls after a change of K, b and X, in some modes."""
    plain = trial.writable()
    with each_asked() as one:
        for mode in plain.some(modes_of(plain), "mode"):
            with one():
                yield from _updated(plain, mode)


def _in_place(tensor: Tensor) -> Tensor:
    return tensor.neg_()


def _through_data(tensor: Tensor) -> Tensor:
    tensor.data.neg_()  # of which no version is counted
    return tensor


def _copied_into(tensor: Tensor) -> Tensor:
    return tensor.copy_(-tensor)


def _of_other_memory(tensor: Tensor) -> Tensor:
    tensor.data = -tensor.data
    return tensor


def _of_the_same_memory(tensor: Tensor) -> Tensor:
    """Another tensor, whose version is counted anew."""
    return tensor.data.neg_().requires_grad_(tensor.requires_grad)


# As an optimiser does, ``.data``, ``load_state_dict``, an assigned ``.data``, and a view.
_IN_PLACE: dict[str, Callable[[Tensor], Tensor]] = {
    "changed in place": _in_place,
    "changed in place through .data": _through_data,
    "overwritten by copy_": _copied_into,
}
_OF_ARGUMENTS = _IN_PLACE | {
    "given other data": _of_other_memory,
    "in place of another tensor over the same memory": _of_the_same_memory,
}
_FIELDS = {"X": "input", "K": "weight", "b": "bias"}  # of the operands


def _updated(plain: Trial, mode: Mode) -> Iterator[Judgement]:
    given = mode.operands(plain)
    if given is None:
        mode, given = PLAIN, plain.operands
    call = plain.call(given, **mode.changes)
    with mode.lasting(call):
        if mode == PLAIN and forward(call) is None:
            return
        if mode == PLAIN or _is_right(plain, mode, call, given):
            yield from _after_changes(plain, mode, call, given)
            return
    yield from _updated(plain, PLAIN)


def _after_changes(plain: Trial, mode: Mode, call: Call, given: Operands) -> Iterator[Judgement]:
    """Calls after the first, which was right: a layer is in the same mode throughout."""
    for role, how in _changes(plain, call):
        with torch.no_grad():
            changed: dict[str, Any] = {role: _OF_ARGUMENTS[how](getattr(call, role))}
        call = replace(call, **changed)
        field = _FIELDS[role]
        given = replace(given, **{field: -getattr(given, field)})
        said = f"{role} {how} should be seen by the next call{f' {mode.said}' * bool(mode.said)}"
        for judgement in _judged(plain, mode, call, given, said):
            yield judgement
            if judgement.verdict in FAILURES:
                return  # what is kept stays wrong


def _changes(plain: Trial, call: Call) -> Iterator[tuple[str, str]]:
    """Which argument, and how it is changed; a layer's kernel stays the tensor that it is."""
    for place, role in enumerate(("K", "K", "b", "X") if plain.brief else ("K", "b", "X")):
        if getattr(call, role) is not None:
            kept = call.layer is not None and role != "X"
            ways = _IN_PLACE if kept else _OF_ARGUMENTS
            for how in plain.some(ways, f"{role} {place}"):
                yield role, how


def _is_right(plain: Trial, mode: Mode, call: Call, given: Operands) -> bool:
    """Whether the first answer is right: the checks of modes report what is wrong there anyhow."""
    try:
        return all(j.verdict not in FAILURES for j in _judged(plain, mode, call, given, ""))
    except TargetRaised:
        return False


def _judged(
    plain: Trial, mode: Mode, call: Call, given: Operands, said: str
) -> Iterator[Judgement]:
    """Y, and after it the gradients, which may raise where Y is that of another call."""
    with mode.of(call):
        Y = forward(call)
    # Under autocast the dtype may be another.
    found = {"Y": Y.to(plain.case.dtype) if mode.autocast and Y is not None else Y}
    row = "updated_arguments"
    yield from against_oracle(plain, row, found, said, operands=given, missing=True)
    if Y is not None and Y.requires_grad and call.leaves:
        gradients = backward(call, Y)
        yield from against_oracle(plain, row, gradients, said, operands=given)
