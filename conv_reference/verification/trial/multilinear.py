"""A convolution under vjp, jvp and vmap, in any order: sums of one trilinear form, and no more.

Y is linear in X and in K, and each derivative of it is again a sum of faces of the form
T(X, K, G) = ⟨G, conv(X, K)⟩; the bias adds S(b, G) = ⟨G, b⟩. So one rule, applied to itself,
answers whatever transforms are composed: a term differentiated in one of its arguments is another
face of the same form, with the cotangent in the place of what was its result.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

import torch
from torch import Tensor

from conv_reference.geometry import Geometry
from conv_reference.quantities import QUANTITY_OF, Operator


@dataclass(frozen=True)
class Axis:
    """A dimension that is mapped over."""

    level: int  # distinguishes it from others; the outermost is the last
    size: int


@dataclass(frozen=True)
class Variable:
    """An argument or a result: the operand whose shape it has, behind its mapped dimensions."""

    role: str
    axes: tuple[Axis, ...] = ()  # the outermost first

    @property
    def lead(self) -> tuple[int, ...]:
        """The sizes of the mapped dimensions."""
        return tuple(axis.size for axis in self.axes)


@dataclass(frozen=True)
class Term:
    """One face of a form: its derivative in ``role``, at arguments in the places of the others."""

    role: str
    arguments: tuple[tuple[str, int], ...]  # (role, place among the function's arguments)


@dataclass(frozen=True)
class Result:
    """A sum of terms; none of them is zero throughout."""

    variable: Variable
    terms: tuple[Term, ...]


@dataclass(frozen=True)
class Multilinear:
    """A function of several arguments, each of whose results is a sum of terms."""

    arguments: tuple[Variable, ...]
    results: tuple[Result, ...]

    def jvp(self) -> Multilinear:
        """Of the arguments and, behind them, their tangents: the tangents of the results."""
        count = len(self.arguments)
        results = (
            Result(
                result.variable,
                tuple(
                    Term(term.role, _exchanged(term.arguments, moved, (moved[0], moved[1] + count)))
                    for term in result.terms
                    for moved in term.arguments
                ),
            )
            for result in self.results
        )
        return Multilinear(self.arguments * 2, tuple(results))

    def vjp(self) -> Multilinear:
        """Of the arguments and, behind them, cotangents of the results: those of the arguments."""
        count = len(self.arguments)
        results = (
            Result(
                variable,
                tuple(
                    Term(
                        role, _exchanged(term.arguments, (role, place), (term.role, count + number))
                    )
                    for number, result in enumerate(self.results)
                    for term in result.terms
                    for role, at in term.arguments
                    if at == place
                ),
            )
            for place, variable in enumerate(self.arguments)
        )
        cotangents = (result.variable for result in self.results)
        return Multilinear((*self.arguments, *cotangents), tuple(results))

    def vmap(self, axis: Axis, mapped: Collection[int]) -> Multilinear:
        """Over the first dimension of the arguments in these places; the results' is the first."""
        return Multilinear(
            tuple(
                _over(axis, variable) if place in mapped else variable
                for place, variable in enumerate(self.arguments)
            ),
            tuple(Result(_over(axis, each.variable), each.terms) for each in self.results),
        )

    def products(self, result: Result) -> int:
        """How many faces are added up in each element of a result."""
        own = set(result.variable.axes)
        return sum(
            prod(axis.size for axis in self._axes(result, term) - own) for term in result.terms
        )

    def value(
        self, result: Result, tensors: Sequence[Tensor], operator: Operator, geometry: Geometry
    ) -> Tensor:
        """One result, by the oracle of the operator's faces.

        Args:
            result: of ``results``.
            tensors: the arguments, with the shapes of the operator's operands behind those of
                their mapped dimensions.
            operator: whose faces the terms are.
            geometry: the sizes.
        """
        variable = result.variable
        shape = operator.shape(variable.role, geometry)
        total = torch.zeros(*variable.lead, *shape, dtype=tensors[0].dtype)
        for term in result.terms:
            for places in _places(self._axes(result, term)):
                at = {
                    role: tensors[place][_index(self.arguments[place], places)]
                    for role, place in term.arguments
                }
                total[_index(variable, places)] += _face(term.role, at, operator, geometry)
        return total

    def _axes(self, result: Result, term: Term) -> set[Axis]:
        """Those of the result and of the term's arguments: over all of them it is added up."""
        theirs = (self.arguments[place].axes for _, place in term.arguments)
        return {*result.variable.axes}.union(*theirs)


def convolution(*, bias: bool) -> Multilinear:
    """Y of X, K and, with a bias, b."""
    terms: tuple[Term, ...] = (Term("grad_output", (("input", 0), ("weight", 1))),)
    roles = ("input", "weight", "bias") if bias else ("input", "weight")
    if bias:
        terms += (Term("grad_output", (("bias", 2),)),)
    return Multilinear(tuple(map(Variable, roles)), (Result(Variable("grad_output"), terms),))


def _exchanged(
    arguments: tuple[tuple[str, int], ...], one: tuple[str, int], other: tuple[str, int]
) -> tuple[tuple[str, int], ...]:
    return tuple(other if each == one else each for each in arguments)


def _over(axis: Axis, variable: Variable) -> Variable:
    return Variable(variable.role, (axis, *variable.axes))


def _places(axes: Collection[Axis]) -> Iterator[Mapping[Axis, int]]:
    for chosen in product(*(range(axis.size) for axis in axes)):
        yield dict(zip(axes, chosen, strict=True))


def _index(variable: Variable, places: Mapping[Axis, int]) -> tuple[int, ...]:
    return tuple(places[axis] for axis in variable.axes)


def _face(
    role: str, arguments: Mapping[str, Tensor], operator: Operator, geometry: Geometry
) -> Tensor:
    """The derivative in ``role`` of T, or of S where the bias has a part in it."""
    if role == "bias":
        return operator.first("db", arguments, geometry)
    if "bias" in arguments:
        return arguments["bias"][:, None, None].expand(operator.shape("grad_output", geometry))
    return operator.first(QUANTITY_OF[role], arguments, geometry)
