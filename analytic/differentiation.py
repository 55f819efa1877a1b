"""Symbolic differentiation, term by term, into sparse matrices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from sympy import Mul, S, SparseMatrix

from analytic.definition import definition
from analytic.geometry import Geometry
from analytic.notation import Elements, Expr, Index, Names, Symbol, Tensor, product, terms, total
from analytic.tensors import Tensors


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


def derivative(term: Expr, symbol: Symbol) -> Expr:
    """The derivative of one term by one symbol.

    The product rule, where the term is a product of symbols among which this one is found once:
    its derivative is the product of the others. Equal to ``term.diff(symbol)``, which takes any
    other term, but fifty times sooner.
    """
    factors = Mul.make_args(term)
    others = [factor for factor in factors if factor is not symbol]
    if len(others) == len(factors) - 1 and all(factor.is_Symbol for factor in others):
        return product(*others)
    return term.diff(symbol)


def gradient(listed: Iterable[Expr], variables: Mapping[Symbol, Index]) -> dict[Index, Expr]:
    """The derivatives of a sum, given by its terms, by those variables that occur in it.

    The work is that of the terms and of the symbols that they hold, however many variables
    there are.
    """
    slopes: dict[Index, list[Expr]] = {}
    for term in listed:
        for symbol in term.free_symbols:
            index = variables.get(symbol)
            if index is not None:
                slopes.setdefault(index, []).append(derivative(term, symbol))
    return {index: total(slopes[index]) for index in sorted(slopes)}


def differentiate(outputs: Elements, of: Tensor, by: Tensor) -> Jacobian:
    """Differentiate every element of `outputs`, named by `of`, by every symbol of `by`."""
    variables = by.indices
    entries = {
        (row, column): entry
        for row, expression in outputs.items()
        for column, entry in gradient(terms(expression), variables).items()
    }
    return Jacobian(of, by, entries)


def chain_rule(upstream: Tensor, jacobian: Jacobian) -> dict[Index, Expr]:
    """The upstream gradient times the Jacobian: the gradient by each column."""
    return {
        column: total(
            upstream[row] if entry is S.One else product(upstream[row], entry)
            for row, entry in entries.items()
        )
        for column, entries in jacobian.columns.items()
    }


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
    return differentiate(output, tensors.Y, variable).matrix
