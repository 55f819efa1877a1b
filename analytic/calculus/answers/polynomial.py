"""Formulas multiplied out: how often each product of elements occurs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import TypeAlias

from analytic.calculus.answers.counting import MOST_TERMS, counted, full_index, grid, number
from analytic.calculus.answers.nodes import Letter, Node, Number, Over, Plus, Sigma, Times
from analytic.calculus.answers.scanning import AnswerError
from analytic.calculus.notation import Expr, Index, Tensor, terms

#: One element: the role of its tensor (X, K, G or b, whatever letter the user chose), full index.
Element: TypeAlias = tuple[str, Index]
#: A product of elements, in their order.
Monomial: TypeAlias = tuple[Element, ...]
Polynomial: TypeAlias = dict[Monomial, Fraction]


@dataclass(frozen=True)
class Scope:
    """What the letters of a formula stand for."""

    roles: Mapping[str, tuple[str, Tensor]]  # by the letter that is written
    zero_outside: bool  # whether an element outside its grid is 0: in a sum, not by itself
    most: int = MOST_TERMS  # terms that a sum may have

    @cached_property
    def tensors(self) -> dict[str, Tensor]:
        """The tensors by the letter that is written."""
        return {letter: tensor for letter, (_role, tensor) in self.roles.items()}


def multiply_out(node: Node, values: Mapping[str, int], scope: Scope) -> Polynomial:
    """The polynomial of a formula, its counting letters having these values.

    Raises:
        AnswerError: It holds a letter or an element that there is not, divides by an element, or
            becomes too long.
    """
    match node:
        case Letter(name, indices) if name not in values or indices is not None:
            result = _element(node, values, scope)
        case Plus(parts):
            result = _added(multiply_out(part, values, scope) for part in parts)
        case Times(factors):
            result = _multiplied([multiply_out(factor, values, scope) for factor in factors])
        case Sigma(_, body):
            every = counted(node, values, scope.tensors, scope.most)
            within = replace(scope, zero_outside=True, most=scope.most // max(1, len(every)))
            result = _added(multiply_out(body, each, within) for each in every)
        case Over("/", above, below):
            divisor = Over("/", Number(Fraction(1)), below)
            result = _multiplied([multiply_out(above, values, scope), _constant(divisor, values)])
        case _:
            result = _constant(node, values)
    return result


def polynomial_of(expression: Expr, roles: Mapping[Expr, Element]) -> Polynomial:
    """A sum of products of symbols, as the derivation holds it; 1 and 0 are such sums, too."""
    return _added(_of_term(term, roles) for term in terms(expression))


def elements_of(tensors: Mapping[str, Tensor]) -> dict[Expr, Element]:
    """Which element each symbol is, by the roles of the tensors."""
    return {
        symbol: (role, index)
        for role, tensor in tensors.items()
        for index, symbol in tensor.items()
    }


def _of_term(term: Expr, roles: Mapping[Expr, Element]) -> Polynomial:
    factors = term.args if term.is_Mul else (term,)
    count = Fraction(1)
    for factor in factors:
        count *= 1 if factor.is_Symbol else Fraction(int(factor.p), int(factor.q))
    return {tuple(sorted(roles[factor] for factor in factors if factor.is_Symbol)): count}


def _element(letter: Letter, values: Mapping[str, int], scope: Scope) -> Polynomial:
    name = letter.name
    if name not in scope.roles:
        raise AnswerError(
            f"there is no {name!r} here; accepted are elements of {', '.join(scope.roles)}, and "
            "letters with which a sum or the left side counts"
        )
    role, tensor = scope.roles[name]
    if letter.indices is None:
        raise AnswerError(f"{name} must have indices: it is {grid(tensor)}")
    places = [number(index, values) for index in letter.indices]
    full = full_index(name, places, tensor)
    inside = (
        place.denominator == 1 and 0 <= place < size
        for place, size in zip(full, tensor.shape, strict=True)
    )
    if all(inside):
        return {((role, tuple(map(int, full))),): Fraction(1)}
    if scope.zero_outside:
        return {}
    raise AnswerError(
        f"there is no {name}[{','.join(map(str, places))}]: {name} is {grid(tensor)}, "
        "counted from 0"
    )


def _constant(node: Node, values: Mapping[str, int]) -> Polynomial:
    value = number(node, values)
    return {(): value} if value else {}


def _added(parts: Iterable[Polynomial]) -> Polynomial:
    result: Polynomial = {}
    for part in parts:
        for monomial, count in part.items():
            result[monomial] = result.get(monomial, Fraction(0)) + count
        if len(result) > MOST_TERMS:
            raise AnswerError(f"a formula must have at most {MOST_TERMS:,} terms, multiplied out")
    return {monomial: count for monomial, count in result.items() if count}


def _multiplied(factors: Sequence[Polynomial]) -> Polynomial:
    result: Polynomial = {(): Fraction(1)}
    for factor in factors:
        if len(result) * len(factor) > MOST_TERMS:
            raise AnswerError(f"a formula must have at most {MOST_TERMS:,} terms, multiplied out")
        result = _added(
            {tuple(sorted(one + other)): count * times}
            for one, count in result.items()
            for other, times in factor.items()
        )
    return result
