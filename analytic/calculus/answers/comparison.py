"""A claim beside the derivation: which terms are missing, superfluous, or have a wrong index."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import product as cartesian
from math import prod
from typing import TypeAlias

from analytic.calculus.answers.counting import MOST_TERMS, full_index, grid, number
from analytic.calculus.answers.nodes import Answer, Letter, Node, Rows
from analytic.calculus.answers.polynomial import (
    Element,
    Monomial,
    Polynomial,
    Scope,
    elements_of,
    multiply_out,
    polynomial_of,
)
from analytic.calculus.answers.scanning import AnswerError
from analytic.calculus.answers.syntax import parse
from analytic.calculus.answers.target import Place, Target, letters, roles, target
from analytic.calculus.axis import Pair
from analytic.calculus.gradients import Gradients
from analytic.calculus.notation import Index, Tensor

_MOST_ELEMENTS = 5_000

#: A product with its number: 2 for G·K + G·K.
Term: TypeAlias = tuple[Monomial, Fraction]
#: Each element that is claimed: where it is, by which formula, and what the letters stand for.
Claim: TypeAlias = tuple[Place, Node, Mapping[str, int]]


@dataclass(frozen=True)
class Difference:
    """What is wrong with one element's sum; nothing of it where it is right."""

    place: Place
    lacking: tuple[Term, ...] = ()
    superfluous: tuple[Term, ...] = ()
    moved: tuple[tuple[Monomial, Monomial], ...] = ()  # as written, and as it should be
    miscounted: tuple[tuple[Term, Fraction], ...] = ()  # as it should be, and how often it is there
    #: Whether all of it would be right with the kernel flipped: one mistake, not several.
    is_flipped: bool = field(default=False, compare=False)

    @property
    def is_none(self) -> bool:
        """Whether the element is right."""
        return not (self.lacking or self.superfluous or self.moved or self.miscounted)


@dataclass(frozen=True)
class Comparison:
    """A formula beside what the derivation gives."""

    target: Target
    is_general: bool  # a formula with letters for indices, held against every element
    elements: int  # how many were compared
    wrong: tuple[Difference, ...]  # those that are not right, in the order of their indices

    @property
    def holds(self) -> bool:
        """Whether all of it is right."""
        return not self.wrong


def compare(formula: str, gradients: Gradients) -> Comparison:
    """Hold a written formula against the derivation.

    Args:
        formula: An element, a matrix, or a general formula with letters for indices.
        gradients: The derivation of the geometry that is meant.

    Raises:
        AnswerError: It cannot be read, or claims nothing that is derived.

    Example:
        >>> from analytic import Geometry, derive
        >>> compare("dX[0,1] = G[0,0]*K[0,1]", derive(Geometry((2, 3), (1, 2)))).wrong[0].lacking
        (((('G', (0, 0, 0, 1)), ('K', (0, 0, 0, 0))), Fraction(1, 1)),)
    """
    answer = parse(formula)
    meant = target(answer, gradients)
    claims = _claims(answer, meant)
    is_general = any(values for _, _, values in claims)
    most = max(1, 5 * MOST_TERMS // len(claims))
    scope = Scope(roles(gradients), zero_outside=is_general, most=min(most, MOST_TERMS))
    symbols = elements_of(dict(scope.roles.values()))
    differences = (
        difference(
            place,
            multiply_out(node, values, scope),
            polynomial_of(meant.value(place), symbols),
            gradients.geometry.kernel,
        )
        for place, node, values in claims
    )
    wrong = tuple(found for found in differences if not found.is_none)
    return Comparison(meant, is_general, len(claims), wrong)


def difference(place: Place, claimed: Polynomial, right: Polynomial, kernel: Pair) -> Difference:
    """Compare two sums, term by term.

    A superfluous term and one that is missing are one mistake where they are the same but for the
    indices of a single factor.
    """
    lacking = {m: count for m, count in right.items() if m not in claimed}
    superfluous = {m: count for m, count in claimed.items() if m not in right}
    moved = []
    for written in list(superfluous):
        meant = next((m for m in lacking if _is_moved(written, m)), None)
        if meant is not None and superfluous[written] == lacking[meant]:
            moved.append((written, meant))
            del superfluous[written], lacking[meant]
    miscounted = tuple(
        ((m, count), claimed[m])
        for m, count in right.items()
        if m in claimed and claimed[m] != count
    )
    return Difference(
        place,
        tuple(lacking.items()),
        tuple(superfluous.items()),
        tuple(moved),
        miscounted,
        is_flipped=_flipped(claimed, kernel) == right,
    )


def _flipped(polynomial: Polynomial, kernel: Pair) -> Polynomial:
    """The same with the kernel turned by half a turn."""

    def turned(role: str, index: Index) -> Element:
        if role != "K":
            return role, index
        *leading, row, column = index
        return role, (*leading, kernel[0] - 1 - row, kernel[1] - 1 - column)

    return {
        tuple(sorted(turned(role, index) for role, index in monomial)): count
        for monomial, count in polynomial.items()
    }


def _is_moved(written: Monomial, meant: Monomial) -> bool:
    """Whether they are the same but for the indices of one factor."""
    if [role for role, _ in written] != [role for role, _ in meant]:
        return False
    return sum(one != other for one, other in zip(written, meant, strict=True)) == 1


def _claims(answer: Answer, meant: Target) -> list[Claim]:
    if isinstance(answer.value, tuple):
        return _of_matrix(answer, meant, answer.value)
    places = [
        _indices(letter, tensor)
        for letter, tensor in zip(letters(answer), meant.tensors, strict=True)
    ]
    return list(_of_element(places, meant.tensors, answer.value))


def _indices(letter: Letter, tensor: Tensor) -> tuple[Node, ...]:
    if letter.indices is None:
        raise AnswerError(
            f"{letter.name} stands for {grid(tensor)} elements: write it with indices, or a matrix "
            "[a, b; c, d] on the right side"
        )
    return letter.indices


def _of_element(
    places: list[tuple[Node, ...]], tensors: tuple[Tensor, ...], value: Node
) -> Iterator[Claim]:
    """One element, or all of those that the letters of the left side count."""
    sizes: dict[str, int] = {}
    for indices, tensor in zip(places, tensors, strict=True):
        shape = _shape(indices, tensor)
        for index, size in zip(indices, shape, strict=False):
            if isinstance(index, Letter) and index.indices is None:
                sizes[index.name] = min(size, sizes.get(index.name, size))
    if prod(sizes.values()) > _MOST_ELEMENTS:
        raise AnswerError(
            f"a formula is tried on at most {_MOST_ELEMENTS:,} elements, got "
            f"{prod(sizes.values()):,}: try it on a smaller geometry"
        )
    for counts in cartesian(*map(range, sizes.values())):
        values = dict(zip(sizes, counts, strict=True))
        place = tuple(
            _place(indices, tensor, values) for indices, tensor in zip(places, tensors, strict=True)
        )
        yield place, value, values


def _shape(indices: tuple[Node, ...], tensor: Tensor) -> tuple[int, ...]:
    if len(indices) == len(tensor.shape):
        return tensor.shape
    return tuple(s for s, written in zip(tensor.shape, tensor.written, strict=True) if written)


def _place(indices: tuple[Node, ...], tensor: Tensor, values: Mapping[str, int]) -> Index:
    full = full_index(tensor.name, [number(index, values) for index in indices], tensor)
    place = tuple(map(int, full))
    if place != full or place not in tensor.symbols:
        raise AnswerError(
            f"there is no {tensor.name}[{','.join(map(str, full[-len(indices) :]))}]: "
            f"{tensor.name} is {grid(tensor)}, counted from 0"
        )
    return place


def _of_matrix(answer: Answer, meant: Target, rows: Rows) -> list[Claim]:
    places = _places(answer, meant)
    size = len(places), len(places[0])
    given = len(rows), len(rows[0])
    if given != size:
        raise AnswerError(f"the matrix must be {size[0]}×{size[1]}, got {given[0]}×{given[1]}")
    return [
        (place, cell, {})
        for row_places, row in zip(places, rows, strict=True)
        for place, cell in zip(row_places, row, strict=True)
    ]


def _places(answer: Answer, meant: Target) -> list[list[Place]]:
    """Where the cells of a matrix belong: a plane, all of a bias, or the whole Jacobian."""
    given = letters(answer)
    if meant.of is not None:
        if any(letter.indices is not None for letter in given):
            raise AnswerError("the matrix of a Jacobian has no indices on the left side")
        return [[(row, column) for column in meant.by] for row in meant.of]
    tensor, indices = meant.by, given[0].indices or ()
    if len(tensor.shape) == 1:
        return [[(index,) for index in tensor]]
    leading = [number(index, {}) for index in indices]
    last = [Fraction(0)] * 2
    full = full_index(tensor.name, [*leading, *last], tensor)[:2]
    height, width = tensor.shape[2:]
    return [
        [((int(full[0]), int(full[1]), row, column),) for column in range(width)]
        for row in range(height)
    ]
