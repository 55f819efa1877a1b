"""The numbers of a finding on a small case, for a report to draw."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from math import prod

import torch
from torch import Tensor

from conv_reference.quantities import LETTERS, ROLE_OF
from conv_reference.verification.diagnosis.explaining.readout import (
    Index,
    Readout,
    Terms,
    factors,
    repeated_dims,
)
from conv_reference.verification.model.digits import digits
from conv_reference.verification.model.picture import Part, Picture, Plane, Term
from conv_reference.verification.trial.observation import observe
from conv_reference.verification.trial.trial import Trial

MOST_CELLS = 12  # rows or columns of a plane
MOST_PLANES = 4  # of one operand
MOST_TERMS = 150


def pictured(
    trial: Trial, quantity: str, index: Index, should: Terms, found: Readout | None
) -> Picture | None:
    """What there is to draw of one wrong element; None where that is too much to look at.

    Args:
        trial: of the certificate, for a geometry that can be derived.
        quantity: Y, dX, dK or db.
        index: of the element, in the target's own shape.
        should: the element's terms, as derived.
        found: its terms as the target computes them, where it could be read out.

    Raises:
        TargetRaised: when the target throws.
    """
    actual = observe(trial.call()).get(quantity)
    expected = trial.expect(only=(quantity,))[quantity].value
    if not isinstance(actual, torch.Tensor) or actual.shape != expected.shape:
        return None
    terms = (*_terms(trial, quantity, should, found),)
    planes = (*_operands(trial, quantity, terms),)
    left = _plane(quantity, expected, index[:-2])
    right = _plane(quantity, actual.detach().to("cpu"), index[:-2])
    if left is None or right is None or not planes or len(terms) > MOST_TERMS:
        return None
    return Picture(planes, left, right, terms)


def _terms(trial: Trial, quantity: str, should: Terms, found: Readout | None) -> Iterator[Term]:
    """Those that should be, each with whether it is there, and those that should not be.

    Of an operand that repeats one number the places cannot be distinguished: all are drawn, and
    which of them are there is not marked.
    """
    repeats = any(repeated_dims(trial, role) for role in factors(quantity))
    known = found is not None and not repeats and not any(map(math.isnan, found.terms.values()))
    there: Mapping[tuple[Index, Index], float] = found.terms if found and known else should
    for key, value in sorted(should.items()):
        part = Part.LACKING if there.get(key, 0) < value else Part.SHOULD
        yield Term(_factors(quantity, key), part)
    for key, value in sorted(there.items()):
        if value < 0 or value > should.get(key, 0):
            yield Term(_factors(quantity, key), Part.ADDED)


def _factors(quantity: str, key: tuple[Index, Index]) -> tuple[tuple[str, Index], ...]:
    (first, second), (a, b) = factors(quantity), key
    if second and not b:
        return ((LETTERS["bias"], a),)
    return ((LETTERS[first], a), *([(LETTERS[second], b)] if second else []))


def _operands(trial: Trial, quantity: str, terms: tuple[Term, ...]) -> Iterator[Plane]:
    """The planes in which a factor lies, in the order of the formula."""
    read: dict[str, dict[Index, None]] = {}
    for role in factors(quantity):
        if role:
            read[LETTERS[role]] = {}
    for term in terms:
        for letter, index in term.factors:
            read.setdefault(letter, {})[index[:-2]] = None
    for letter, places in read.items():
        for leading in sorted(places)[:MOST_PLANES]:
            plane = _plane(letter, getattr(trial.operands, ROLE_OF[letter]), leading)
            if plane is not None:
                yield plane


def _plane(name: str, tensor: Tensor, leading: Index) -> Plane | None:
    """One plane, or the one row of a tensor with one dimension; None where it is large."""
    at = tensor[leading] if leading else tensor
    rows = at.reshape(1, -1) if at.dim() == 1 else at
    if rows.dim() != 2 or max(rows.shape) > MOST_CELLS:
        return None
    several = prod(tensor.shape[: len(leading)]) > 1
    label = f"{name}[{','.join(map(str, leading))}]" if several else name
    numbers = tuple(tuple(digits(value) for value in row) for row in rows.tolist())
    return Plane(name, label, leading, numbers)
