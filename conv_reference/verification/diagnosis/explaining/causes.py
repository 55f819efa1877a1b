"""A guess at the cause: which known fault would have given just this answer.

A guess is made only where the fault gives every element that the implementation gave, on dense
values, on the smallest case and on a second one that is larger in every dimension; of several, it
is one that fits the smallest case with other numbers, too, and most of the other failing cases, and
one that fits none of these is not made.
On the smallest case alone many a fault fits: a shift makes a single element zero.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product

import torch
from torch import Tensor

from conv_reference.geometry import Geometry
from conv_reference.quantities import GRADIENTS
from conv_reference.verification.diagnosis.explaining.answer_patterns import (
    UNWRITTEN,
    is_of_padding,
    patterns,
    reads_foreign_memory,
)
from conv_reference.verification.diagnosis.explaining.faulty_convolutions import (
    Candidate,
    candidates,
    mistaken_geometries,
)
from conv_reference.verification.diagnosis.explaining.overwritten import overwritten
from conv_reference.verification.model.case import Values, dtype_name
from conv_reference.verification.plan.possible import in_reach
from conv_reference.verification.trial.observation import observe
from conv_reference.verification.trial.trial import TargetRaised, Trial

_MOST_PRODUCTS = 20_000  # of the second case
_DRAWS = 32  # of other numbers on the smallest case, where several faults fit it


def guess(trial: Trial, quantity: str, others: Sequence[Trial] = ()) -> str:
    """The known fault that fits, as a sentence; empty where none or no answer does.

    Args:
        trial: the smallest failing case, which many faults fit.
        quantity: Y, dX, dK or db.
        others: further failing cases, which fewer fit.
    """
    fitting = _fitting(trial, quantity)
    if not fitting:
        return ""
    second = _fitting(_larger(trial), quantity)
    if second is not None:
        fitting = [words for words in fitting if words in second]
    fitting = _on_other_numbers(fitting, trial, quantity)
    if quantity != "Y":  # a gradient of a wrong Y is explained by what explains Y
        behind = _fitting(trial, "Y")
        if behind is None:
            alone = {c.words for c in candidates(trial) if c.forward_only}
            fitting = [words for words in fitting if words not in alone]
        else:
            fitting = [words for words in fitting if words in behind]
    if not fitting:
        return ""
    votes = [met for other in others if (met := _fitting(other, quantity)) is not None]
    best = max(fitting, key=lambda words: sum(words in met for met in votes))
    return f"Perhaps {best}." if not votes or any(best in met for met in votes) else ""


def _on_other_numbers(fitting: list[str], trial: Trial, quantity: str) -> list[str]:
    """Of several those that fit other draws of the case, too.

    Times a power of 2 an operand and the result are rounded alike; where no operand has many bits,
    the result alone is rounded.
    """
    for further, values in product(range(1, _DRAWS + 1), (trial.case.values, Values.BALANCED)):
        if len(fitting) < 2:
            break
        case = replace(trial.case, values=values)
        other = replace(trial, case=case, seed=trial.seed + further)
        again = _fitting(other, quantity) if other.has_room else None
        fitting = fitting if again is None else [words for words in fitting if words in again]
    return fitting


def guess_of_kind(trial: Trial, quantity: str) -> str:
    """The same where the answer's dtype is what is wrong."""
    try:
        actual = observe(trial.call()).get(quantity)
    except TargetRaised:
        return ""
    if not isinstance(actual, Tensor) or actual.dtype == trial.case.dtype:
        return ""
    if actual.dtype != torch.get_default_dtype():
        return ""
    expected = trial.expect(only=(quantity,)).get(quantity)
    if expected is not None and actual.shape != expected.value.shape:
        return ""  # another dtype does not mend a shape
    if trial.target.over_arrays:  # no torch has a part in it
        return f"Perhaps the result is made in {dtype_name(actual.dtype)}, whatever it is given."
    return f"Perhaps the result is made in torch's default dtype, {actual.dtype}."


def _larger(trial: Trial) -> Trial:
    """A case that is larger in every dimension in which the target can be asked for it."""
    g = trial.case.geometry
    group_in, group_out = g.group_channels
    rows, columns = (
        size + stride + dilation
        for size, stride, dilation in zip(g.input_size, g.stride, g.dilation, strict=True)
    )
    larger = replace(
        g,
        batch=max(g.batch, 1) + 1,
        in_channels=(group_in + 1) * g.groups,
        out_channels=(group_out + 1) * g.groups,
        kernel_size=(g.kernel_size[0] + 1, g.kernel_size[1] + 1),
        input_size=(rows + 2, columns + 3),
    )
    for geometry in (larger, replace(larger, kernel_size=g.kernel_size)):
        case = in_reach(trial.target, trial.case.on(geometry))
        # Few bits show where there are many, and balanced numbers have few in half precision.
        values = case.values if case.values.heavy else Values.BALANCED
        found = replace(trial, case=replace(case, values=values))
        if _is_small(geometry) and found.has_room and _is_wrong(found):
            return found
    return trial


def _is_small(g: Geometry) -> bool:
    rows, columns = g.output_size
    return g.batch * rows * columns * g.weight_shape[0] * g.weight_shape[1] <= _MOST_PRODUCTS


def _is_wrong(trial: Trial) -> bool:
    """Whether anything of the first order is: where nothing is, the fault has another guard."""
    expected = trial.expect()
    return any(
        (value := _answer(trial, name)) is not None and not torch.equal(value, wanted.value)
        for name, wanted in expected.items()
    )


def _fitting(trial: Trial, quantity: str) -> list[str] | None:
    """The known faults that fit, in words; None where the case does not show the fault."""
    dense = _dense(trial)
    value = _answer(dense, quantity)
    if value is None:
        return None
    expected = dense.expect(only=(quantity,)).get(quantity)
    if expected is None or value.numel() == 0 or expected.value.numel() == 0:
        return None  # every fault fits what has no element
    if value.shape != expected.value.shape:
        return list(_of_another_shape(dense, quantity, value))
    if torch.equal(value, expected.value):
        return None
    return list(_of_this_shape(dense, quantity, value, expected.value))


def _answer(trial: Trial, quantity: str) -> Tensor | None:
    try:
        actual = observe(trial.call()).get(quantity)
    except TargetRaised:
        return None
    return actual.detach().to("cpu", torch.float64) if isinstance(actual, Tensor) else None


def _of_this_shape(trial: Trial, quantity: str, value: Tensor, expected: Tensor) -> Iterator[str]:
    written_to = overwritten(trial, quantity, value)
    if written_to:
        yield written_to
    for words, fits in patterns(trial, quantity, value, expected):
        if fits:
            yield words
    foreign = reads_foreign_memory(trial, quantity, value)
    if foreign or not bool(value.isnan().all()):  # which formulas make: any NaN would fit
        has_kernel = trial.target.operator.place("weight") == "weight"
        for candidate in candidates(trial) if has_kernel else ():
            if _fits(trial, quantity, candidate, value):
                yield candidate.words
    if foreign:
        yield UNWRITTEN
    if quantity == "Y" and is_of_padding(trial, value != expected):
        yield f"the padding is filled otherwise than mode {trial.case.geometry.padding_mode!r} says"


def _of_another_shape(trial: Trial, quantity: str, value: Tensor) -> Iterator[str]:
    """Which mistaken argument gives Y just this shape, and these values."""
    if quantity != "Y":
        return
    o = trial.operands
    X, K, b = (t.to(torch.float64) for t in (o.input, o.weight, o.bias))
    given = {"input": X, "weight": K} | ({"bias": b} if trial.case.bias else {})
    for words, changes in mistaken_geometries(trial):
        try:
            Y = trial.target.operator.first("Y", given, changes)
        except ValueError:  # no such convolution
            continue
        # An answer of fewer dimensions, of a line say, has the same numbers in the same order.
        alike = Y.shape == value.shape or (Y.dim() != value.dim() and Y.numel() == value.numel())
        if alike and torch.equal(Y.reshape(value.shape), value):
            yield words


def _dense(trial: Trial) -> Trial:
    case = trial.case
    if trial.has_room and not case.values.heavy:
        case = replace(case, values=Values.BALANCED)
    return replace(trial, case=case)


def _fits(trial: Trial, quantity: str, candidate: Candidate, value: Tensor) -> bool:
    o = trial.operands
    X, K, b, G = (t.to(torch.float64) for t in (o.input, o.weight, o.bias, o.grad_output))
    leaves = [X.requires_grad_(), K.requires_grad_(), b.requires_grad_()]
    try:
        Y = candidate.forward(X, K, b if trial.case.bias else None)
    except (ValueError, RuntimeError):  # no such convolution
        return False
    if quantity == "Y":
        found = Y.detach()
    else:
        gradients = torch.autograd.grad(Y, leaves, G, allow_unused=True)
        gradient = dict(zip(GRADIENTS, gradients, strict=True))[quantity]
        if gradient is None:
            return False
        found = gradient
    found = found.reshape(value.shape)
    return bool(((found == value) | (found.isnan() & value.isnan())).all())
