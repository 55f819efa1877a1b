"""Symbolic differentiation, term by term, into sparse matrices."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter
from typing import TypeVar

from sympy import S, SparseMatrix

from analytic.calculus.definition import definition
from analytic.calculus.geometry import Geometry
from analytic.calculus.notation import (
    Elements,
    Expr,
    Index,
    Names,
    Symbol,
    Tensor,
    ordered_product,
    product,
    sharing_products,
    terms,
    total,
)
from analytic.calculus.tensors import Tensors

_Key = TypeVar("_Key")
_IS_SYMBOL = attrgetter("is_Symbol")  # of many factors, quicker than a loop


@dataclass(frozen=True)
class Jacobian:
    """The derivatives of a tensor's elements by those of another; what is absent is zero."""

    of: Tensor  # the rows
    by: Tensor  # the columns
    entries: Mapping[tuple[Index, Index], Expr]  # by (row index, column index)

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows and of columns."""
        return len(self.of), len(self.by)

    @cached_property
    def rows(self) -> Mapping[Index, Mapping[Index, Expr]]:
        """The entries other than zero of each row, by column."""
        result: dict[Index, dict[Index, Expr]] = {row: {} for row in self.of}
        for (row, column), entry in self.entries.items():
            result[row][column] = entry
        return result

    @cached_property
    def columns(self) -> Mapping[Index, Mapping[Index, Expr]]:
        """The entries other than zero of each column, by row."""
        result: dict[Index, dict[Index, Expr]] = {column: {} for column in self.by}
        for (row, column), entry in self.entries.items():
            result[column][row] = entry
        return result

    @property
    def matrix(self) -> Expr:
        """The same as a new sparse matrix of sympy's, rows and columns in order of the indices."""
        row_of = {index: place for place, index in enumerate(self.of)}
        column_of = {index: place for place, index in enumerate(self.by)}
        # Not the immutable kind, which sorts its entries to be made: that takes 25 times as long.
        return SparseMatrix(
            *self.shape, {(row_of[r], column_of[c]): e for (r, c), e in self.entries.items()}
        )


def gradients(
    weighted: Iterable[tuple[Symbol, Expr]], by: Sequence[Tensor]
) -> list[dict[Index, Expr]]:
    """The derivatives of Σ weight·term by every element of each tensor; the weights are constant.

    Args:
        weighted: A symbol and a term, for each part of the sum.
        by: The tensors; no weight is an element of theirs.
    """
    slopes: list[dict[Index, list[Expr]]] = [{index: [] for index in tensor} for tensor in by]
    variables = {
        symbol: found[index]
        for tensor, found in zip(by, slopes, strict=True)
        for index, symbol in tensor.items()
    }
    for weight, term in weighted:
        for found, slope in derivatives(term, variables):
            found.append(scaled(weight, slope))
    return [{index: total(slope) for index, slope in found.items()} for found in slopes]


def scaled(weight: Symbol, slope: Expr) -> Expr:
    """A symbol times a derivative."""
    if slope.is_Symbol:
        return product(weight, slope)
    return weight if slope is S.One else weight * slope


def derivatives(term: Expr, variables: Mapping[Symbol, _Key]) -> Iterator[tuple[_Key, Expr]]:
    """The derivatives of one term by each variable that it holds, each with the variable's key.

    By the product rule where the term is a product of symbols: at each of its places, the product
    of the others. Together equal to ``term.diff(symbol)``, which takes any other term, but many
    times sooner.
    """
    factors = term.args if term.is_Mul else (term,)
    if all(map(_IS_SYMBOL, factors)):
        for place, symbol in enumerate(factors):
            key = variables.get(symbol)
            if key is not None:
                others = factors[:place] + factors[place + 1 :]
                yield key, others[0] if len(others) == 1 else ordered_product(*others)
    else:
        for symbol in term.free_symbols & variables.keys():
            yield variables[symbol], term.diff(symbol)


def differentiate(outputs: Elements, of: Tensor, by: Sequence[Tensor]) -> list[Jacobian]:
    """Differentiate every element of `outputs`, named by `of`, by every element of each tensor.

    The work is that of the terms and their symbols, however many variables there are.
    """
    variables = _variables(by)
    entries: list[dict[tuple[Index, Index], Expr]] = [{} for _tensor in by]
    for row, expression in outputs.items():
        slopes: dict[tuple[int, Index], list[Expr]] = {}
        for term in terms(expression):
            for key, slope in derivatives(term, variables):
                slopes.setdefault(key, []).append(slope)
        for place, column in sorted(slopes):
            entries[place][row, column] = total(slopes[place, column])
    return [Jacobian(of, tensor, found) for tensor, found in zip(by, entries, strict=True)]


def _variables(by: Sequence[Tensor]) -> dict[Symbol, tuple[int, Index]]:
    """Which tensor each symbol belongs to, and its index there."""
    return {
        symbol: (place, index)
        for place, tensor in enumerate(by)
        for index, symbol in tensor.items()
    }


def chain_rule(upstream: Tensor, jacobian: Jacobian) -> dict[Index, Expr]:
    """The upstream gradient times the Jacobian: the gradient by each column."""
    return {
        column: total(scaled(upstream[row], entry) for row, entry in entries.items())
        for column, entries in jacobian.columns.items()
    }


@sharing_products
def jacobian(geometry: Geometry, by: str, *, names: Names | None = None) -> Expr:
    """The derivatives of Y by one tensor, as a sparse symbolic matrix.

    Args:
        geometry: The sizes.
        by: "X", "K" or, where the geometry has a bias, "b".
        names: The letters to use; X, K, Y, G and b by default.

    Returns:
        sympy's `SparseMatrix`: a row for each element of Y, a column for each of X, K or b, both
        in the order of their indices.

    Raises:
        ValueError: There is no such tensor.

    Example:
        >>> jacobian(Geometry((2, 3), (1, 2)), "K")
        Matrix([
        [X_{0,0}, X_{0,1}],
        [X_{0,1}, X_{0,2}],
        [X_{1,0}, X_{1,1}],
        [X_{1,1}, X_{1,2}]])
    """
    tensors = Tensors.make(geometry, names or Names())
    variables = {"X": tensors.X, "K": tensors.K, "b": tensors.b}
    variable = variables.get(by)
    if variable is None:
        accepted = ", ".join(letter for letter, tensor in variables.items() if tensor is not None)
        raise ValueError(f"by must be one of {accepted}, not {by!r}")
    output = definition(geometry, tensors.X, tensors.K, tensors.b)
    return differentiate(output, tensors.Y, [variable])[0].matrix
