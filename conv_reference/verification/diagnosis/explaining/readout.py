"""Reading an implementation out by impulses: the map that it really computes, in symbols.

Each of Y, dX and dK is bilinear in two operands (db is linear in G). With a single one in each
operand, an element of the result is the coefficient of that product; all pairs of positions
give the whole formula of the element. An expanded operand cannot hold a single one: there the
impulse is the number that repeats itself, and stands for all its elements in one term.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from math import prod

import torch

from conv_reference.operands import Operands
from conv_reference.quantities import LETTERS, QUANTITIES
from conv_reference.verification.trial.layouts import repeated
from conv_reference.verification.trial.observation import observe
from conv_reference.verification.trial.trial import TargetRaised, Trial

Index = tuple[int, ...]
# Of one element: the coefficient of each product, by the indices of its two factors.
Terms = dict[tuple[Index, Index], float]

MOST_PRODUCTS = 2_500  # calls of the implementation, about a second


def factors(quantity: str) -> tuple[str, str]:
    """The two operands in which a quantity is bilinear; of db the second is empty."""
    first, second = (*QUANTITIES[quantity].factors, "")[:2]
    return first, second


@dataclass(frozen=True)
class Readout:
    """What one element of a result is, read out by impulses."""

    terms: Terms
    explains: bool  # whether the terms, evaluated, give what the implementation answered
    offset: float = 0.0  # what it answers where every operand is 0, which the terms leave out


def can_read_out(trial: Trial, quantity: str) -> bool:
    """Whether impulses can be put: few enough of them."""
    if quantity not in QUANTITIES:
        return False
    numbers = [len(_indices(trial, role)) for role in factors(quantity)]
    return prod(numbers) <= MOST_PRODUCTS


def read_out(trial: Trial, quantity: str, index: Index) -> Readout:
    """The terms of one element, ``folded``, and whether they explain its value.

    Args:
        trial: of the certificate, for which ``can_read_out``.
        quantity: Y, dX, dK or db.
        index: of the element, in the target's own shape.

    Raises:
        TargetRaised: when the target throws on an impulse.
    """
    first, second = factors(quantity)
    terms: Terms = {}
    offset = _element(trial, _impulses(trial, {}), quantity, index)
    offset = offset if math.isfinite(offset) else 0.0

    def read(key: tuple[Index, Index], **places: Index) -> None:
        coefficient = _element(trial, _impulses(trial, places), quantity, index) - offset
        if coefficient != 0:  # a NaN is a term, too
            terms[key] = coefficient

    for a, b in product(_indices(trial, first), _indices(trial, second)):
        read((a, b), **({first: a, second: b} if second else {first: a}))
    if quantity == "Y" and trial.case.bias:
        for channel in _indices(trial, "bias"):
            read((channel, ()), bias=channel)
    actual = _element(trial, trial.operands, quantity, index)
    return Readout(terms, offset + _evaluated(terms, trial, quantity) == actual, offset)


def folded(terms: Terms, trial: Trial, quantity: str) -> Terms:
    """The terms in the numbers that the operands hold: those that are one number add up.

    A number that repeats itself has the index of its first element.
    """
    first, second = factors(quantity)
    total: Terms = {}
    for (a, b), coefficient in terms.items():
        if second and not b:  # the bias
            key = a, b
        else:
            key = _first_of(trial, first, a), _first_of(trial, second, b)
        total[key] = total.get(key, 0.0) + coefficient
    return total


def repeated_dims(trial: Trial, role: str) -> tuple[int, ...]:
    """The dimensions along which an operand repeats one number."""
    for own, layout in trial.case.layouts.items():
        if own == role:
            shape = getattr(trial.operands, role).shape
            return repeated(shape, layout, whole=role == "grad_output")
    return ()


def _first_of(trial: Trial, role: str, index: Index) -> Index:
    dims = repeated_dims(trial, role)
    return tuple(0 if dim in dims else place for dim, place in enumerate(index))


def _impulses(trial: Trial, places: Mapping[str, Index]) -> Operands:
    """Zeros, but for a one in each of these places, and wherever that number repeats itself."""
    tensors = {r: torch.zeros_like(getattr(trial.operands, r)) for r in LETTERS}
    for role, index in places.items():
        dims = repeated_dims(trial, role)
        tensors[role][tuple(slice(None) if d in dims else i for d, i in enumerate(index))] = 1
    return Operands(**tensors)


def _indices(trial: Trial, role: str) -> list[Index]:
    """Of the numbers that an operand holds: of one that repeats itself, the first."""
    if not role:
        return [()]
    dims = repeated_dims(trial, role)
    shape = getattr(trial.operands, role).shape
    return list(product(*(range(1 if d in dims else n) for d, n in enumerate(shape))))


def _element(trial: Trial, operands: Operands, quantity: str, index: Index) -> float:
    observed = observe(trial.call(operands)).get(quantity)
    if not isinstance(observed, torch.Tensor) or len(index) != observed.dim():
        raise TargetRaised(TypeError(f"no {quantity}"), quantity)
    return float(observed[index])


def _evaluated(terms: Terms, trial: Trial, quantity: str) -> float:
    first, second = factors(quantity)
    value = 0.0
    for (a, b), coefficient in terms.items():
        if second and not b:  # the bias
            value += coefficient * float(trial.operands.bias[a])
            continue
        factor = float(getattr(trial.operands, second)[b]) if second else 1.0
        value += coefficient * float(getattr(trial.operands, first)[a]) * factor
    return value
