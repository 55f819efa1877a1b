"""The grammar: what reads alike, and what is refused in one line."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytic.calculus.answers.scanning import AnswerError, scan, shortened
from analytic.calculus.answers.syntax import parse

PLAIN = parse("dX[0,1] = G[0,0]*K[0,1] + 2*G[0,1]*K[0,0]")


@pytest.mark.parametrize(
    "formula",
    [
        "∂C/∂X₀₁ = G₀₀·K₀₁ + 2G₀₁·K₀₀",
        "dC/dX01 = G00 K01 + 2 G01 K00",
        "dX_{0,1} = G_{0,0}K_{0,1} + 2 G_{0,1} × K_{0,0}",
        "dX_01=G_00*K_01+2*G_01*K_00",
        "  dX [ 0 , 1 ]  =\n(G[0,0]) * (K[0,1]) + 2 (G[0,1] * K[0,0])  ".replace(
            "(G[0,0]) * (K[0,1])", "G[0,0] * K[0,1]"
        ).replace("2 (G[0,1] * K[0,0])", "2 G[0,1] ⋅ K[0,0]"),
    ],
)
def test_the_usual_spellings_read_alike(formula: str) -> None:
    assert parse(formula) == PLAIN


def test_rows_of_a_matrix_are_separated_or_bracketed() -> None:
    assert parse("dX = [1, 2; 3, 4]") == parse("dX = [[1, 2], [3, 4]]")


def test_two_minus_signs_are_none() -> None:
    assert parse("Y00 = --X00") == parse("Y00 = X00")
    assert parse("Y00 = -+-X00") == parse("Y00 = X00")
    assert parse("Y00 = -X00") != parse("Y00 = X00")


def test_the_printed_sum_is_read() -> None:
    assert parse("Y[i] = Σ(a=0…1, b=0…2) K[a]") == parse("Y[i] = sum(a=0..1,b=0...2) K[a]")


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("dX01", "cannot read 'dX01': the formula ends, where '=' should be"),
        ("dX01 = ", "cannot read 'dX01 =': the formula ends, where an element or a number"),
        ("dX01 = G00 +", "the formula ends, where an element or a number should be"),
        ("dX01 = G00)", "')' stands, where an element or a number should be"),
        ("dX01 = (G00", "the formula ends, where ')' should be"),
        ("dX[0 = 1", "'=' stands, where ']' should be"),
        ("= 1", "'=' stands, where an element or a number should be"),
        ("dX01 = G00!", "cannot read '!' in 'dX01 = G00!'"),
        ("dX01 = G00.real", "cannot read '.' in"),
        ("dX01 = G00 ** 2", "'*' stands, where an element or a number should be"),
        ("dX = [1, 2; 3]", "the rows of a matrix must be of one length, got [2, 1]"),
        ("dX01 = " + "(" * 60, "parentheses must be at most 50 deep"),
        ("dX01 = " + "1" * 30, "a number has at most 12 digits, got 11111111"),
        ("dX01 = " + "1 + " * 9000, "a formula has at most 20000 signs, got 36007"),
        ("Y[i] = sum(2) K[i]", "'2' stands, where an element or a number should be"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_said_in_one_line(formula: str, message: str) -> None:
    with pytest.raises(AnswerError) as caught:
        parse(formula)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


@given(st.text(alphabet="dXKGYb01[](),;=+-*/. Σsumod⌊⌋₀∂…_{}import\n", max_size=60))
def test_whatever_is_written_is_read_or_refused(formula: str) -> None:
    assert "\n" not in refusal(parse, formula)


@given(st.text(max_size=40))
def test_so_is_any_text(formula: str) -> None:
    assert len(refusal(scan, formula).splitlines()) == 1


def refusal(reads: Callable[[str], object], formula: str) -> str:
    try:
        reads(formula)
    except AnswerError as error:
        return str(error)
    return "read"


def test_a_long_text_is_shortened_to_one_line() -> None:
    assert shortened("a\n b" * 50).endswith("…")
    assert len(shortened("x" * 500)) == 60
