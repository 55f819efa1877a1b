from __future__ import annotations

import pytest
from sympy import Expr, IndexedBase, KroneckerDelta, Mod, Sum, floor, latex, symbols

from analytic.calculus.notation import Partial
from analytic.telling.formulas import a, b, i, u
from analytic.theorem.general import d, k, p, s
from analytic.theorem.reading import reading

X, K, G = map(IndexedBase, "XKG")
o, w = symbols("o w", integer=True)
L, M = symbols("L M", integer=True, positive=True)

READ = [
    (s[0] * i + d[0] * a - p[0], "s_{1} i + d_{1} a - p_{1}"),
    (u + p[0] - s[0] * i, "u + p_{1} - s_{1} i"),
    ((u + p[0] - s[0] * i) / d[0], r"\frac{u + p_{1} - s_{1} i}{d_{1}}"),
    (k[0] - 1, "k_{1} - 1"),
    (w - L * floor(o / M), r"w - L \left\lfloor{\frac{o}{M}}\right\rfloor"),
    (X[u, i] * K[a, b], "{K}_{a,b} {X}_{u,i}"),
    (K[a, b] * G[u + 1, i], "{G}_{u + 1,i} {K}_{a,b}"),
    (KroneckerDelta(u, d[0] * a - p[0]) * K[a, b], r"\delta_{d_{1} a - p_{1}, u} {K}_{a,b}"),
    (Sum(K[a, b], (a, 0, k[0] - 1)), r"\sum_{a=0}^{k_{1} - 1} {K}_{a,b}"),
    (
        G[i, i] * Partial(X[i, i], K[a, b]),
        r"{G}_{i,i} \frac{\partial {X}_{i,i}}{\partial {K}_{a,b}}",
    ),
    (Mod(u + p[0] - s[0] * i, d[0]), r"\left(u + p_{1} - s_{1} i\right) \bmod d_{1}"),
]


@pytest.mark.parametrize(("expression", "written"), READ, ids=[written for _, written in READ])
def test_expressions_are_written_in_reading_order(expression: Expr, written: str) -> None:
    assert latex(reading(expression), order="none") == written


def sorted_by_sympy(expression: Expr) -> Expr:
    if not expression.args:
        return expression
    return expression.func(*map(sorted_by_sympy, expression.args))


@pytest.mark.parametrize("expression", [expression for expression, _ in READ], ids=str)
def test_the_order_changes_no_value(expression: Expr) -> None:
    assert sorted_by_sympy(reading(expression)) == expression
