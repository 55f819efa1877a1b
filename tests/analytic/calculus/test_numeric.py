from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from sympy import Rational, S, Symbol

from analytic import Geometry, Values, derive
from analytic.calculus.notation import product, total
from analytic.calculus.numeric import dense, evaluate, evaluate_elements, numbers_of

X, K = map(Symbol, "XK")


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        (X, 2),
        (product(X, K), -6),
        (total([product(X, K), X]), -4),
        (S.Zero, 0),
        (S.One, 1),
        (Rational(1, 2) * X, 1),
        (Rational(1, 3), Fraction(1, 3)),
    ],
    ids=str,
)
def test_evaluation_keeps_the_numbers_own_kind(expression: Symbol, value: Fraction) -> None:
    assert evaluate(expression, {X: 2, K: -3}) == value


def test_integers_stay_integers_at_any_size() -> None:
    assert evaluate(product(X, K), {X: 10**40, K: 10**40}) == 10**80
    assert type(evaluate(product(X, K), {X: 2, K: 3})) is int


def test_a_symbol_without_a_number_is_refused() -> None:
    with pytest.raises(KeyError):
        evaluate(product(X, K), {X: 2})


def test_outputs_have_numbers_too() -> None:
    chapter = derive(Geometry((2, 3), (1, 2)))
    numbers = numbers_of(chapter, Values.of(chapter.geometry))
    assert numbers[chapter.Y[0, 0, 1, 1]] == 1 * 5 + 2 * 6
    assert all(isinstance(number, Fraction) for number in numbers.values())
    assert not any(symbol.name.startswith(("V", "W")) for symbol in numbers)


def test_the_second_order_has_numbers_where_it_is_asked_for() -> None:
    derivation = derive(Geometry(2, 1, bias=True))
    numbers = numbers_of(derivation, Values.of(derivation.geometry, V=[[1, 2], [3, 4]]))
    found = evaluate_elements(derivation.second_order.by_upstream, numbers)
    assert found[0, 0, 1, 0] == 3 * 1 + 1 * 3 + 1  # V·K + W·X + Z


def test_elements_become_an_array() -> None:
    chapter = derive(Geometry((2, 3), (1, 2)))
    found = chapter.evaluate(Values.of(chapter.geometry, G=np.ones((2, 2))))
    array = dense(found.gradient_input)
    assert array.dtype == np.float64
    assert array.tolist() == [[[[1, 3, 2], [1, 3, 2]]]]
    exact = dense(found.gradient_input, dtype=object)
    assert isinstance(exact[0, 0, 0, 0], Fraction)


def test_a_jacobian_becomes_a_matrix() -> None:
    chapter = derive(Geometry((1, 3), (1, 2)))
    found = chapter.evaluate(Values.of(chapter.geometry, K=[[5, 7]]))
    assert dense(found.jacobian_input, dtype=int).tolist() == [[5, 7, 0], [0, 5, 7]]


def test_an_array_may_be_larger_than_its_elements() -> None:
    assert dense({(0, 1): 2}, (2, 2)).tolist() == [[0, 2], [0, 0]]
