"""Expressions in the order in which they are read, where sympy would sort them its own way.

``u + p - s*i`` rather than ``-i*s + p + u``: what is added before what is subtracted, letters
before sizes of the same sign, sizes before letters in a product.
"""

from __future__ import annotations

from typing import Any

from sympy import Add, Indexed, IndexedBase, KroneckerDelta, Mul, Sum, Tuple

from analytic.calculus.notation import Expr, Partial, split

#: Letters in the order in which the terms of an index are read.
LETTERS = ["t", "n", "w", "o", "q", "c", "l", "u", "v", "i", "j", "a", "b", "e", "f"]


def reading(expression: Expr) -> Expr:
    """The same expression, its sums and products in reading order and left unevaluated.

    Example:
        >>> from sympy import symbols
        >>> i, p, u = symbols("i p_{1} u")
        >>> reading(-2 * i + p + u).args
        (u, p_{1}, -2*i)
    """
    if not expression.args or isinstance(expression, IndexedBase):
        return expression
    if isinstance(expression, Indexed):
        return expression.func(expression.base, *map(reading, expression.indices))
    parts = [reading(part) for part in expression.args]
    if isinstance(expression, Add):
        parts.sort(key=_place_of_term)
    elif isinstance(expression, Mul):
        parts.sort(key=_place_of_factor)
    elif isinstance(expression, KroneckerDelta):
        # What varies first, then what it must equal: a letter alone, unless both are.
        parts.sort(key=lambda part: bool(part.is_Symbol))
    elif isinstance(expression, Partial | Sum | Tuple):
        return expression.func(*parts)
    return expression.func(*parts, evaluate=False)


def _place_of_term(term: Expr) -> tuple[Any, ...]:
    return (term.is_Number, _negative(term), *_first_letter(term))


def _negative(term: Expr) -> bool:
    return bool(term.as_coeff_Mul()[0].is_negative)


def _first_letter(term: Expr) -> tuple[Any, ...]:
    names = [str(symbol) for symbol in term.free_symbols]
    places = [LETTERS.index(name) for name in names if name in LETTERS]
    return (min(places, default=len(LETTERS)), min(names, default=""))


def _place_of_factor(factor: Expr) -> tuple[Any, ...]:
    """Numbers, sizes, letters, deltas, elements, derivatives, sums; divisors last."""
    if factor.is_Number:
        kind = 0
    elif factor.is_Symbol:
        kind = 2 if factor.name in LETTERS else 1
    elif factor.is_Pow:
        kind = 8
    elif isinstance(factor, Indexed):
        kind = 5
    elif isinstance(factor, Partial):
        kind = 6
    elif isinstance(factor, Sum):
        kind = 7
    else:
        kind = 4 if isinstance(factor, KroneckerDelta) else 3
    name = factor.base.label.name if isinstance(factor, Indexed) else ""
    return kind, name, _first_letter(factor), split(factor) if factor.is_Symbol else ()
