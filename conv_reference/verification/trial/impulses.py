"""Impulses: operands of one element, over which each sum of a convolution has one product."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from conv_reference.operands import Operands, Role
from conv_reference.quantities import QUANTITIES, QUANTITY_OF, ROLES
from conv_reference.verification.model.case import Layout, Values
from conv_reference.verification.model.judgement import Judgement
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.trial.judge import Expected
from conv_reference.verification.trial.observation import observe
from conv_reference.verification.trial.transforms import A_TRANSFORM, mixes
from conv_reference.verification.trial.trial import TargetRaised, Trial

Ask = Callable[[Mapping[str, list[int]]], Judgement | None]

_MOST_IMPULSES = 12  # of one case; there are thousands of cases
# Of a target that shows that it transforms, one case in so many: impulses cost it more than all
# the rest.
_SAMPLED = 8
# The roundings that a direct algorithm may add to each product: to scale by something, and back.
FEW = 4.0


def confirmed(trial: Trial, judgement: Judgement, actual: Tensor, expected: Expected) -> Judgement:
    """Distinguish rounding from a small fault, and a transform's from that of fewer bits.

    Beside a long sum a lost term can look like rounding. Over an impulse it is the whole sum. And
    over integers only a transform needs to round by more than a few units: a target that leaves no
    noise where nothing is multiplied is judged as a direct algorithm, sum by sum and product by
    product.

    Args:
        trial: the case.
        judgement: what was judged rounded.
        actual: what the target answered.
        expected: what the oracle says.
    """
    quantity = judgement.quantity
    roles = [role for role in _bilinear_in(quantity) if trial.case.layouts[role] != Layout.EXPANDED]
    silent = _impulse(trial, judgement, {roles[0]: []}, {}) if roles else None
    if silent is not None:
        return silent  # where nothing is multiplied, nobody rounds
    bound: dict[str, Any] = {}  # in place of what such sizes are allowed
    if trial.allowed_bits is None and mixes(trial, quantity):
        bound = {"transform": True}
        if zlib.crc32(trial.key.encode()) % _SAMPLED:
            return _over_small(trial, judgement)
    elif trial.allowed_bits is None and expected.transform:
        bound = {"transform": False, "roundings": FEW}
        direct = replace(expected, transform=False, roundings=2 * FEW)
        judgement = trial.judge(judgement.check, quantity, actual, direct)
    if judgement.verdict == Verdict.WRONG:
        return unearned(judgement)
    error = actual.detach().to("cpu", torch.float64) - expected.value
    return _over_impulses(trial, judgement, roles, error.flatten(), bound) or judgement


def _over_impulses(
    trial: Trial,
    judgement: Judgement,
    roles: Sequence[str],
    error: Tensor,
    bound: Mapping[str, Any],
) -> Judgement | None:
    """What is wrong where each sum has one product, at the worst element and at some others."""
    if not roles:
        return None
    ask = partial(_impulse, trial, judgement, bound=bound)
    size = getattr(trial.operands, roles[0]).numel()
    order = torch.randperm(size, generator=torch.Generator().manual_seed(size))
    positions = order[:_MOST_IMPULSES].tolist()
    found = _aimed(trial, judgement.quantity, roles, error, ask)
    others = (ask({roles[0]: [position]}) for position in positions)
    return found or next(filter(None, others), None)


def unearned(judgement: Judgement) -> Judgement:
    """A wrong judgement that would be a transform's rounding, where none is seen."""
    said = (
        f"{A_TRANSFORM} may round so, but this is none: large numbers leave no noise "
        "in elements that they have no part in"
    )
    return replace(judgement, explanation=f"{judgement.explanation}; {said}")


def _over_small(trial: Trial, judgement: Judgement) -> Judgement:
    """The judgement, or that of the same sizes over 0 and ±1, where nobody errs by as much as 1."""
    small = replace(trial, case=replace(trial.case, values=Values.SPARSE))
    found = _judged(small, judgement, small.operands)
    return judgement if found is None else replace(found, case=small.case)


def _bilinear_in(quantity: str) -> tuple[Role, ...]:
    """The two operands, either of which may be made an impulse: the image first; of db, none."""
    factors = QUANTITIES[quantity]
    return (factors.image, *factors.other) if factors.other else ()


def _aimed(
    trial: Trial, quantity: str, roles: Sequence[str], error: Tensor, ask: Ask
) -> Judgement | None:
    """Bisect the terms of the element that errs most: rounding shrinks, a lost term stays."""
    role = roles[0]
    place = int(error.abs().argmax())
    left = float(error[place])
    products = _products(trial, quantity, role, place)
    terms = products.nonzero().flatten()
    while len(terms) > 1:
        half, rest = terms.tensor_split(2)
        answer = _answer(trial, quantity, _only(trial, {role: half.tolist()}))
        if not isinstance(answer, Tensor) or answer.numel() != error.numel():
            return None
        own = float(answer.detach().flatten()[place]) - float(products[half].sum())
        terms, left = (half, own) if abs(own) >= abs(left - own) else (rest, left - own)
        if left == 0:
            return None
    if not len(terms):
        return None
    kept = {role: terms.tolist()}
    found = ask(kept)
    if found is None and len(roles) > 1:
        # Beside larger elements of the other operand the product may still be small.
        factor = _partner(trial, quantity, role, place, int(terms[0]))
        found = ask({**kept, roles[1]: factor})
    return found


def _products(trial: Trial, quantity: str, role: str, place: int) -> Tensor:
    """What each element of one operand adds to one element of the quantity."""
    values = _values(trial) | {QUANTITIES[quantity].of: _one(trial, QUANTITIES[quantity].of, place)}
    own = getattr(trial.operands, role).to(torch.float64)
    products: Tensor = own * _factor(trial, role, values)
    return products.flatten()


def _partner(trial: Trial, quantity: str, role: str, place: int, position: int) -> list[int]:
    """The element of the other operand that one element is multiplied with there."""
    first, second = _bilinear_in(quantity)
    values = {QUANTITIES[quantity].of: _one(trial, QUANTITIES[quantity].of, place)}
    values[role] = _one(trial, role, position)
    other = second if role == first else first
    positions: list[int] = _factor(trial, other, values).flatten().nonzero().flatten().tolist()
    return positions


def _factor(trial: Trial, role: str, values: Mapping[str, Tensor]) -> Tensor:
    """The derivative of ⟨Y, G⟩ in one operand, at the other two."""
    return trial.target.operator.first(QUANTITY_OF[role], values, trial.case.geometry)


def _values(trial: Trial) -> dict[str, Tensor]:
    values = trial.operands.by_role(torch.float64)
    return {role: values[role] for role in ROLES}


def _one(trial: Trial, role: str, position: int) -> Tensor:
    one = torch.zeros_like(getattr(trial.operands, role), dtype=torch.float64)
    one.view(-1)[position] = 1
    return one


def _only(trial: Trial, kept: Mapping[str, list[int]]) -> Operands:
    """The operands without a bias and with zeros in place of what is not kept."""
    changes = {}
    for role, positions in kept.items():
        tensor = getattr(trial.operands, role)
        sparse = torch.zeros_like(tensor).flatten()
        sparse[positions] = tensor.flatten()[positions]
        changes[role] = sparse.reshape(tensor.shape)
    return replace(trial.operands, bias=torch.zeros_like(trial.operands.bias), **changes)


def _answer(trial: Trial, quantity: str, operands: Operands) -> Any:
    try:
        return observe(trial.call(operands)).get(quantity)
    except TargetRaised as raised:
        return raised.observed.get(quantity)


def _impulse(
    trial: Trial, judgement: Judgement, kept: Mapping[str, list[int]], bound: Mapping[str, Any]
) -> Judgement | None:
    """What is wrong over the kept numbers alone, with a bound of its own; None where nothing is."""
    return _judged(trial, judgement, _only(trial, kept), terms=1, **bound)


def _judged(
    trial: Trial, judgement: Judgement, operands: Operands, **changes: Any
) -> Judgement | None:
    quantity = judgement.quantity
    actual = _answer(trial, quantity, operands)
    if actual is None:
        return None
    expected = replace(trial.expect(operands, only=(quantity,))[quantity], **changes)
    found = trial.judge(judgement.check, quantity, actual, expected)
    return found if found.verdict == Verdict.WRONG else None
