from __future__ import annotations

from typing import Any

import pytest
from sympy import Add, Mul, Rational, S, Symbol, latex

from analytic import NameClashError, Names
from analytic.calculus.notation import (
    Figure,
    Partial,
    SecondPartial,
    Tensor,
    ordered_product,
    product,
    split,
    terms,
    total,
)

X, K, Y = map(Symbol, ("X_{0,0}", "K_{0,0}", "Y_{0,0}"))

CLASHES: list[tuple[dict[str, Any], str]] = [
    ({"input": "K"}, "the names must differ: 'K' is both the input and the kernel"),
    ({"kernel": "C"}, "the names must differ: 'C' is both the cost and the kernel"),
    ({"output": "i"}, "the names must differ: 'i' is both an index and the output"),
    (
        {"upstream": "S"},
        "the names must differ: 'S' is both the sum that double backward differentiates and the "
        "upstream",
    ),
    (
        {"kernel_upstream": "X"},
        "the names must differ: 'X' is both the input and the kernel's upstream",
    ),
    ({"input": ""}, "the name of the input must be letters only, not ''"),
    ({"input": "X1"}, "the name of the input must be letters only, not 'X1'"),
    ({"bias": 3}, "the name of the bias must be letters only, not 3"),
]


@pytest.mark.parametrize(("names", "message"), CLASHES, ids=[str(names) for names, _ in CLASHES])
def test_a_clash_of_names_is_refused_in_one_line(names: dict[str, Any], message: str) -> None:
    with pytest.raises(NameClashError) as caught:
        Names(**names)
    assert str(caught.value) == message


def test_words_and_greek_letters_are_names() -> None:
    assert Names(input="input", kernel="κ").kernel == "κ"


@pytest.mark.parametrize(
    ("shape", "every", "written"),
    [
        ((1, 1, 2, 3), False, "X_{1,2}"),
        ((2, 1, 2, 3), False, "X_{0,1,2}"),
        ((1, 2, 2, 3), False, "X_{0,1,2}"),
        ((2, 2, 2, 3), False, "X_{0,0,1,2}"),
        ((1, 1, 2, 3), True, "X_{0,0,1,2}"),
    ],
)
def test_symbols_write_the_indices_that_tell_elements_apart(
    shape: tuple[int, ...], every: bool, written: str
) -> None:
    tensor = Tensor.make("X", shape, all_indices=every)
    assert tensor[0, 0, 1, 2].name == written
    assert len({symbol.name for _index, symbol in tensor.items()}) == len(tensor)
    assert all(tensor.indices[symbol] == index for index, symbol in tensor.items())


def test_a_symbol_splits_into_letter_and_indices() -> None:
    assert split(Symbol("X_{3,12}")) == ("X", (3, 12))
    assert split(Symbol("X")) == ("X", ())


def test_products_are_those_of_sympy() -> None:
    assert product(X, K) == product(K, X) == X * K
    assert product(X, K).args == (X * K).args
    assert product(X, K, Y) == X * K * Y
    assert product(X, K, Y).args == (X * K * Y).args
    assert product(X) is X
    assert product() is S.One
    assert ordered_product(K, X) == X * K
    assert ordered_product(K, X, Y).args == (X * K * Y).args
    assert ordered_product(K) is K
    assert ordered_product() is S.One


def test_sympy_computes_with_our_products_and_sums() -> None:
    sum_of_products = total([product(X, K), product(Y, K)])
    assert sum_of_products.diff(K) == X + Y
    assert sum_of_products.subs({X: 2, K: 3, Y: 4}) == 18
    assert (sum_of_products - K * (X + Y)).expand() == 0


def test_sums_keep_the_order_that_they_are_given_in() -> None:
    assert total([Y, K, X]).args == (Y, K, X)
    assert total([Y, K, X]) == Add(Y, K, X, evaluate=False)
    assert total([X]) is X
    assert total([]) is S.Zero


def test_terms_of_a_sum() -> None:
    assert terms(S.Zero) == ()
    assert terms(X) == (X,)
    assert terms(total([Y, X])) == (Y, X)


def test_derivatives_are_written_not_carried_out() -> None:
    assert str(Partial(Y, K)) == "∂Y_{0,0}/∂K_{0,0}"
    assert latex(Partial(Y, K)) == r"\frac{\partial Y_{0,0}}{\partial K_{0,0}}"
    assert str(SecondPartial(Y, K, X)) == "∂²Y_{0,0}/∂K_{0,0}∂X_{0,0}"
    assert latex(SecondPartial(Y, K, X)) == (
        r"\frac{\partial^{2} Y_{0,0}}{\partial K_{0,0}\,\partial X_{0,0}}"
    )


def test_figures_stay_apart_and_take_parentheses_where_they_need_them() -> None:
    two, less, half = Figure(S(2)), Figure(S(-1)), Figure(Rational(1, 2))
    assert [str(figure) for figure in (two, less, half)] == ["2", "(-1)", "(1/2)"]
    assert latex(less) == r"\left(-1\right)"
    twice = Add(*[Mul(two, two, evaluate=False)] * 2, evaluate=False)
    assert twice.args[0].args == (two, two)
    assert len(twice.args) == 2
