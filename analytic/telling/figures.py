"""Figures beside the formulas: a document with numbers plugged in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from fractions import Fraction

from sympy import Add, Mul, Rational

from analytic.calculus.notation import Expr, Figure, Symbol, terms
from analytic.calculus.numeric import evaluate, evaluate_jacobian
from analytic.telling.document import Block, Document, Formula, Formulas, Grid, Grids, Matrix, Step

Numbers = Mapping[Symbol, Fraction]

#: So many grids stand in a row of their own, each with its figures beside it. Of more, a renderer
#: leaves out the middle.
_MOST_ROWS = 4


def plug_in(document: Document, numbers: Numbers) -> Document:
    """Put numbers beside every formula, grid and matrix whose symbols all have one.

    A formula goes on with the figures in the symbols' places and with what they come to:
    ``Y₀₀ = K₀₀·X₀₀ + K₀₁·X₀₁ = 2·1 + (−1)·4 = −2``. The text stays as it is.
    """
    steps = tuple(
        Step(step.title, tuple(_plugged(step.blocks, numbers)), step.conditions)
        for step in document.steps
    )
    return replace(document, steps=steps)


def _plugged(blocks: tuple[Block, ...], numbers: Numbers) -> Iterator[Block]:
    for block in blocks:
        match block:
            case Formulas(formulas):
                yield Formulas(tuple(_formula(formula, numbers) for formula in formulas))
            case Grids(grids):
                pairs = [tuple(_grids(plain, numbers)) for plain in grids]
                if len(grids) <= _MOST_ROWS:
                    yield from map(Grids, pairs)
                else:
                    yield Grids(tuple(grid for pair in pairs for grid in pair))
            case Matrix(label, jacobian):
                yield block
                entries = jacobian.entries.values()
                if any(e.free_symbols for e in entries) and all(
                    _known(e, numbers) for e in entries
                ):
                    yield Matrix(label, evaluate_jacobian(jacobian, _rational(numbers)))
            case _:
                yield block


def _formula(formula: Formula, numbers: Numbers) -> Formula:
    last = formula.sides[-1]
    if not last.free_symbols or not _known(last, numbers):
        return formula
    value = _sympy(evaluate(last, numbers))
    sides = (value,) if last.is_Symbol else (_figures(last, numbers), value)
    return replace(
        formula,
        sides=(*formula.sides, *sides),
        relations=(*formula.relations, *("=" for _side in sides)) if formula.relations else (),
    )


def _figures(expression: Expr, numbers: Numbers) -> Expr:
    """The expression with a figure for each symbol, nothing carried out."""

    def figure(symbol: Expr) -> Expr:
        return Figure(_sympy(numbers[symbol])) if symbol.is_Symbol else symbol

    summands = [
        Mul(*map(figure, Mul.make_args(term)), evaluate=False) for term in terms(expression)
    ]
    return summands[0] if len(summands) == 1 else Add(*summands, evaluate=False)


def _grids(grid: Grid, numbers: Numbers) -> Iterator[Grid]:
    yield grid
    cells = [cell for row in grid.cells for cell in row]
    if any(cell.is_Symbol for cell in cells) and all(_known(cell, numbers) for cell in cells):
        figures = tuple(
            tuple(_sympy(evaluate(cell, numbers)) for cell in row) for row in grid.cells
        )
        # Without the tensor's name, so that a pointer finds each element once.
        yield Grid(grid.label, figures)


def _known(expression: Expr, numbers: Numbers) -> bool:
    return all(symbol in numbers for symbol in expression.free_symbols)


def _rational(numbers: Numbers) -> dict[Symbol, Expr]:
    return {symbol: _sympy(number) for symbol, number in numbers.items()}


def _sympy(number: Fraction | int) -> Expr:
    return Rational(number.numerator, number.denominator)
