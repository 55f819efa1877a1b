from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sympy import Rational

from analytic import Geometry, Values, ValuesError, parse_values

CHAPTER = Geometry((2, 3), (1, 2))
LAYER = Geometry(2, 1, batch=2, in_channels=2, out_channels=2, bias=True)


def listed(figures: Mapping[tuple[int, ...], Fraction] | None) -> list[Fraction]:
    return [] if figures is None else list(figures.values())


def test_what_is_not_given_counts_up_from_one() -> None:
    values = parse_values("", LAYER)
    assert list(values.X.values()) == list(range(1, 17))
    assert list(values.K.values()) == [1, 2, 3, 4]
    assert list(values.G.values()) == list(range(1, 17))
    assert listed(values.b) == [1, 2]
    assert values.V is values.W is values.Z is None
    assert not values.for_double_backward
    assert parse_values(" \n", CHAPTER).b is None


def test_rows_and_planes_are_in_the_order_of_the_indices() -> None:
    values = parse_values("X=1,2;3,4|5,6;7,8|9,10;11,12|13,14;15,16 K=1|2|3|4 b=5,6", LAYER)
    assert values.X[0, 1, 0, 1] == 6
    assert values.X[1, 0, 1, 0] == 11
    assert values.K[1, 0, 0, 0] == 3
    assert listed(values.b) == [5, 6]


def test_double_backward_gets_numbers_when_any_of_it_does() -> None:
    values = parse_values("V=7", LAYER)
    assert values.for_double_backward
    assert values.V is not None
    assert set(values.V.values()) == {7}
    assert values.W == values.K
    assert listed(values.Z) == [1, 2]


@pytest.mark.parametrize(
    ("text", "number"),
    [("-3", -3), ("+4", 4), ("1/2", Fraction(1, 2)), ("-0.1", Fraction(-1, 10)), ("−2", -2)],
)
def test_numbers_are_exact(text: str, number: Fraction) -> None:
    assert parse_values(f"K=1,{text}", CHAPTER).K[0, 0, 0, 1] == number


def test_spaces_may_stand_anywhere() -> None:
    spaced = parse_values(" X = 1, 2, 3; 4, 5, 6   K= 7 ,8 ", CHAPTER)
    assert spaced == parse_values("K=7,8 X=1,2,3;4,5,6", CHAPTER)


WRONG = [
    ("X", "values are written like 'X=1,2,3;4,5,6 K=1,-1/2', not 'X'"),
    ("1,2", "values are written like 'X=1,2,3;4,5,6 K=1,-1/2', not '1,2'"),
    ("Q=1", "values can be given for G, K, V, W, X, not for 'Q'"),
    ("b=1", "values can be given for G, K, V, W, X, not for 'b'; there is no bias"),
    ("X=1 X=2", "X is given twice in 'X=1 X=2'; accepted is once"),
    ("X=1,2", "X must have 2×3 numbers (or one for all), not '1,2'"),
    ("X=1,2,3;4,5", "X must have 2×3 numbers (or one for all), not '1,2,3;4,5'"),
    ("X=1,2;3,4;5,6", "X must have 2×3 numbers (or one for all), not '1,2;3,4;5,6'"),
    ("K=1|2", "K must have 1×2 numbers (or one for all), not '1|2'"),
    ("K=1,a", "K must hold numbers like -3, 1/2 or 0.5, not 'a'"),
    ("K=1,", "K must hold numbers like -3, 1/2 or 0.5, not ''"),
    ("K=", "K must hold numbers like -3, 1/2 or 0.5, not ''"),
    ("K=1/0,2", "K must hold numbers like -3, 1/2 or 0.5, not '1/0'"),
    ("K=1e9,2", "K must hold numbers like -3, 1/2 or 0.5, not '1e9'"),
    ("K=nan", "K must hold numbers like -3, 1/2 or 0.5, not 'nan'"),
    ("K=٣", "K must hold numbers like -3, 1/2 or 0.5, not '٣'"),
]


@pytest.mark.parametrize(("text", "message"), WRONG, ids=[text for text, _ in WRONG])
def test_what_does_not_read_is_refused_in_one_line(text: str, message: str) -> None:
    with pytest.raises(ValuesError) as caught:
        parse_values(text, CHAPTER)
    assert str(caught.value) == message


def test_a_refusal_counts_planes() -> None:
    with pytest.raises(ValuesError, match=r"^X must have 4 planes of 2×2 numbers \(or one"):
        parse_values("X=1,2;3,4", LAYER)


@given(st.text("XKGQ=,;|01/.- \n", max_size=12))
def test_any_text_is_read_or_refused_in_one_line(text: str) -> None:
    message = ""
    try:
        assert len(parse_values(text, CHAPTER).X) == 6
    except ValuesError as error:
        message = str(error)
    assert "\n" not in message


@pytest.mark.parametrize(
    "array",
    [
        [[1, -2]],
        [[[[1, -2]]]],
        ((1, -2),),
        np.array([[1, -2]]),
        np.array([[1.0, -2.0]], dtype=np.float32),
        [[Fraction(1), Rational(-2)]],
    ],
    ids=["lists", "full shape", "tuples", "integers", "floats", "fractions"],
)
def test_arrays_are_taken(array: Any) -> None:
    assert Values.of(CHAPTER, K=array).K == {(0, 0, 0, 0): 1, (0, 0, 0, 1): -2}


def test_a_float_is_what_it_is() -> None:
    assert Values.of(CHAPTER, K=[[0.5, 0.1]]).K[0, 0, 0, 1] == Fraction(0.1) != Fraction(1, 10)


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"X": [1, 2]}, "X must have the shape (1, 1, 2, 3), not (2,)"),
    ({"K": [[1], [2]]}, "K must have the shape (1, 1, 1, 2), not (2, 1)"),
    ({"K": 5}, "K must have the shape (1, 1, 1, 2), not ()"),
    ({"K": []}, "K must have the shape (1, 1, 1, 2), not (0,)"),
    ({"X": [[1, 2, 3], [1, 2]]}, "X must have rows of one length, not [1, 2]"),
    ({"K": [[1, None]]}, "K must hold numbers, not None"),
    ({"K": [[1, float("nan")]]}, "K must hold numbers, not nan"),
    ({"K": [[1, float("inf")]]}, "K must hold numbers, not inf"),
    ({"Y": [[1]]}, "values can be given for G, K, V, W, X, not for 'Y'"),
]


@pytest.mark.parametrize(("given", "message"), REFUSED, ids=[str(given) for given, _ in REFUSED])
def test_what_does_not_fit_is_refused_in_one_line(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValuesError) as caught:
        Values.of(CHAPTER, **given)
    assert str(caught.value) == message


def test_leading_dimensions_may_only_be_left_out_where_they_are_one() -> None:
    with pytest.raises(ValuesError, match=r"^X must have the shape \(2, 2, 2, 2\), not \(2, 2\)$"):
        Values.of(LAYER, X=[[1, 2], [3, 4]])
