"""Reading an implementation out by impulses: the map that it really computes, in symbols.

Each of Y, dX and dK is bilinear in two operands (db is linear in G). With a single one in each
operand, an element of the result is the coefficient of that product; all pairs of positions
give the whole formula of the element.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from math import prod

import torch

from conv_reference.operands import Operands
from conv_reference.verification.case import Layout
from conv_reference.verification.checks.certificate import observe
from conv_reference.verification.checks.trial import TargetRaised, Trial

Index = tuple[int, ...]
# Of one element: the coefficient of each product, by the indices of its two factors.
Terms = dict[tuple[Index, Index], float]

# The two operands in which a quantity is bilinear, in the order in which formulas name them.
FACTORS: Mapping[str, tuple[str, str]] = {
    "Y": ("weight", "input"),
    "dX": ("grad_output", "weight"),
    "dK": ("grad_output", "input"),
    "db": ("grad_output", ""),
}
LETTERS = {"input": "X", "weight": "K", "grad_output": "G", "bias": "b", "": ""}
MOST_PRODUCTS = 2_500  # calls of the implementation, about a second


@dataclass(frozen=True)
class Readout:
    """What one element of a result is, read out by impulses."""

    terms: Terms
    explains: bool  # whether the terms, evaluated, give what the implementation answered


def can_read_out(trial: Trial, quantity: str) -> bool:
    """Whether impulses can be put: few enough of them, and no operand that repeats itself."""
    if quantity not in FACTORS:
        return False
    roles = [role for role in FACTORS[quantity] if role]
    sizes = [getattr(trial.operands, role).numel() for role in roles]
    layouts = [getattr(trial.case, f"{role}_layout") for role in roles]
    return prod(sizes) <= MOST_PRODUCTS and Layout.EXPANDED not in layouts


def read_out(trial: Trial, quantity: str, index: Index) -> Readout:
    """The terms of one element, and whether they explain its value.

    Args:
        trial: of the certificate, for which ``can_read_out``.
        quantity: Y, dX, dK or db.
        index: of the element, in the target's own shape.

    Raises:
        TargetRaised: when the target throws on an impulse.
    """
    first, second = FACTORS[quantity]
    zeros = {role: torch.zeros_like(getattr(trial.operands, role)) for role in _ROLES}
    terms: Terms = {}
    for a, b in product(_indices(trial, first), _indices(trial, second)):
        impulses = {role: tensor.clone() for role, tensor in zeros.items()}
        impulses[first][a] = 1
        if second:
            impulses[second][b] = 1
        coefficient = _element(trial, Operands(**impulses), quantity, index)
        if coefficient != 0:  # a NaN is a term, too
            terms[a, b] = coefficient
    if quantity == "Y" and trial.case.bias:
        for (channel,) in _indices(trial, "bias"):
            impulses = {role: tensor.clone() for role, tensor in zeros.items()}
            impulses["bias"][channel] = 1
            coefficient = _element(trial, Operands(**impulses), quantity, index)
            if coefficient != 0:
                terms[(channel,), ()] = coefficient
    actual = _element(trial, trial.operands, quantity, index)
    return Readout(terms, _evaluated(terms, trial, quantity) == actual)


_ROLES = ("input", "weight", "bias", "grad_output")


def _indices(trial: Trial, role: str) -> list[Index]:
    if not role:
        return [()]
    shape = getattr(trial.operands, role).shape
    return list(product(*map(range, shape)))


def _element(trial: Trial, operands: Operands, quantity: str, index: Index) -> float:
    observed = observe(trial.call(operands)).get(quantity)
    if not isinstance(observed, torch.Tensor) or len(index) != observed.dim():
        raise TargetRaised(TypeError(f"no {quantity}"), quantity)
    return float(observed[index])


def _evaluated(terms: Terms, trial: Trial, quantity: str) -> float:
    first, second = FACTORS[quantity]
    value = 0.0
    for (a, b), coefficient in terms.items():
        if second and not b:  # the bias
            value += coefficient * float(trial.operands.bias[a])
            continue
        factor = float(getattr(trial.operands, second)[b]) if second else 1.0
        value += coefficient * float(getattr(trial.operands, first)[a]) * factor
    return value
