"""Impulses: operands of one element, over which each sum of a convolution has one product."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from conv_reference.operands import Operands, Role
from conv_reference.quantities import QUANTITIES, QUANTITY_OF, ROLES
from conv_reference.verification.model.case import Layout
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.trial.judge import Judgement
from conv_reference.verification.trial.observation import observe
from conv_reference.verification.trial.trial import TargetRaised, Trial

_MOST_IMPULSES = 12  # of one case; there are thousands of cases


def confirmed(trial: Trial, judgement: Judgement, error: Tensor) -> Judgement:
    """Tell rounding from a small fault: over impulses, where each sum has one product.

    Beside a long sum a lost term can look like rounding. Over an impulse it is the whole sum.

    Args:
        trial: the case.
        judgement: what was judged rounded.
        error: of each element.
    """
    roles = [
        role
        for role in _bilinear_in(judgement.quantity)
        if getattr(trial.case, f"{role}_layout") != Layout.EXPANDED
    ]
    if not roles:
        return judgement
    silence: Mapping[str, list[int]] = {roles[0]: []}  # where nothing is multiplied, nobody rounds
    found = _impulse(trial, judgement, silence) or _aimed(trial, judgement, roles, error.flatten())
    if found is not None:
        return found
    size = getattr(trial.operands, roles[0]).numel()
    order = torch.randperm(size, generator=torch.Generator().manual_seed(size))
    for position in order[:_MOST_IMPULSES].tolist():
        found = _impulse(trial, judgement, {roles[0]: [position]})
        if found is not None:
            return found
    return judgement


def _bilinear_in(quantity: str) -> tuple[Role, ...]:
    """The two operands, either of which may be made an impulse: the image first; of db, none."""
    factors = QUANTITIES[quantity]
    return (factors.image, *factors.other) if factors.other else ()


def _aimed(
    trial: Trial, judgement: Judgement, roles: Sequence[str], error: Tensor
) -> Judgement | None:
    """Bisect the terms of the element that errs most: rounding shrinks, a lost term stays."""
    quantity, role = judgement.quantity, roles[0]
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
    found = _impulse(trial, judgement, kept)
    if found is None and len(roles) > 1:
        # Beside larger elements of the other operand the product may still be small.
        factor = _partner(trial, quantity, role, place, int(terms[0]))
        found = _impulse(trial, judgement, {**kept, roles[1]: factor})
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


def _impulse(trial: Trial, judgement: Judgement, kept: Mapping[str, list[int]]) -> Judgement | None:
    operands, quantity = _only(trial, kept), judgement.quantity
    actual = _answer(trial, quantity, operands)
    if actual is None:
        return None
    expected = replace(trial.expect(operands, only=(quantity,))[quantity], terms=1)
    found = trial.judge(judgement.check, quantity, actual, expected)
    return found if found.verdict == Verdict.WRONG else None
