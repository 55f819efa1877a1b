"""Expressions as they are written: in Unicode on one line, and in LaTeX."""

from __future__ import annotations

from typing import Any

import pytest
from sympy import (
    Add,
    And,
    Eq,
    IndexedBase,
    Integer,
    KroneckerDelta,
    Mod,
    Mul,
    Piecewise,
    Pow,
    Rational,
    Sum,
    Symbol,
    floor,
    symbols,
)

from analytic.calculus.notation import Figure, Partial, SecondPartial
from analytic.render._latex import LatexPrinter
from analytic.render._unicode import UnicodePrinter
from analytic.telling.message import Message

a, b, d, i, s, u = symbols("a b d i s u", integer=True)
X, K = IndexedBase("X"), IndexedBase("K")
X01, X10, K00 = map(Symbol, ("X_{0,1}", "X_{1,0}", "K_{0,0}"))
C = Symbol("C")


def times(*factors: Any) -> Any:
    return Mul(*factors, evaluate=False)


def plus(*terms: Any) -> Any:
    return Add(*terms, evaluate=False)


CASES = {
    "a symbol": (X01, "X₀₁", "X_{0,1}"),
    "a Greek letter": (Symbol("ω_{0}"), "ω₀", r"\omega_{0}"),
    "a Greek capital": (Symbol("Ω"), "Ω", r"\Omega"),
    "a word": (Symbol("Up_{0,1}"), "Up₀₁", r"\mathit{Up}_{0,1}"),
    "a product": (times(K00, X01), "K₀₀·X₀₁", r"K_{0,0}\, X_{0,1}"),
    "a sum in its own order": (
        plus(X10, K00, X01),
        "X₁₀ + K₀₀ + X₀₁",
        "X_{1,0} + K_{0,0} + X_{0,1}",
    ),
    "a difference": (plus(u, times(-1, a)), "u − a", "u - a"),
    "a coefficient": (plus(times(2, i), a, -1), "2i + a − 1", "2 i + a - 1"),
    "a sum as a factor": (times(d, plus(a, -1)), "d·(a − 1)", r"d\, (a - 1)"),
    "a half": (Rational(-1, 2), "−1/2", r"-\frac{1}{2}"),
    "divided by a number": (times(Rational(1, 2), plus(u, a)), "(u + a)/2", r"\frac{u + a}{2}"),
    "divided by a symbol": (times(plus(u, a), Pow(s, -1)), "(u + a)/s", r"\frac{u + a}{s}"),
    "one by a symbol": (times(1, Pow(s, -1)), "1/s", r"\frac{1}{s}"),
    "figures": (
        plus(times(Figure(Integer(1)), Figure(Integer(-2))), Figure(Rational(1, 2))),
        "1·(−2) + (1/2)",
        r"1 \cdot ({-2}) + \left(\frac{1}{2}\right)",
    ),
    "numbers that are not multiplied out": (
        times(Integer(-1), Integer(2)),
        "(−1)·2",
        r"({-1}) \cdot 2",
    ),
    "an index": (X[2 * i + a, u], "X[a + 2i, u]", r"X_{a + 2 i,\,u}"),
    "a fraction in an index": (
        X[times(Rational(1, 2), plus(u, a))],
        "X[(u + a)/2]",
        r"X_{(u + a)/2}",
    ),
    "a sum over indices": (
        Sum(times(K[a, b], X[i]), (a, 0, plus(d, -1)), (b, 0, 2)),
        "Σ(a=0…d−1, b=0…2) K[a, b]·X[i]",
        r"\sum_{a=0}^{d - 1} \sum_{b=0}^{2} K_{a,b}\, X_{i}",
    ),
    "a derivative": (Partial(C, X01), "∂C/∂X₀₁", r"\frac{\partial C}{\partial X_{0,1}}"),
    "a second derivative": (
        SecondPartial(C, K00, X01),
        "∂²C/∂K₀₀∂X₀₁",
        r"\frac{\partial^{2} C}{\partial K_{0,0}\, \partial X_{0,1}}",
    ),
    "a delta": (KroneckerDelta(a, b), "δ[a, b]", r"\delta_{a,b}"),
    "a floor": (floor(a / 2), "⌊a/2⌋", r"\left\lfloor \frac{a}{2} \right\rfloor"),
    "a remainder": (Mod(plus(a, b), 2, evaluate=False), "(a + b) mod 2", r"(a + b) \bmod 2"),
    "a choice": (
        Piecewise((X[a], And(Eq(b, 0), a >= 1)), (0, True)),
        "X[a] if b = 0 and a ≥ 1; 0 otherwise",
        r"\begin{cases} X_{a} & \text{if}\ b = 0\ \text{and}\ a \geq 1 "
        r"\\ 0 & \text{otherwise} \end{cases}",
    ),
}


def word(message: Message) -> str:
    return message.msgid


@pytest.mark.parametrize(("expression", "text", "_latex"), CASES.values(), ids=CASES)
def test_unicode(expression: Any, text: str, _latex: str) -> None:
    assert UnicodePrinter(word).doprint(expression).replace("\N{NO-BREAK SPACE}", " ") == text


@pytest.mark.parametrize(("expression", "_text", "latex"), CASES.values(), ids=CASES)
def test_latex(expression: Any, _text: str, latex: str) -> None:
    assert LatexPrinter(word).doprint(expression) == latex


def test_indices_of_two_digits_are_set_apart() -> None:
    assert UnicodePrinter(word, compact=False).doprint(Symbol("X_{1,12}")) == "X[1,12]"


@pytest.mark.parametrize("printer", [UnicodePrinter, LatexPrinter])
def test_long_sums_lose_their_middle_unless_all_is_asked_for(printer: Any) -> None:
    terms = [Symbol(f"X_{{{number}}}") for number in range(20)]
    cut = printer(word).doprint(plus(*terms))
    whole = printer(word, most_terms=None).doprint(plus(*terms))

    assert cut.count("+") == 7
    assert whole.count("+") == 19


def test_what_is_within_a_sentence_stays_low() -> None:
    printer = LatexPrinter(word)
    assert printer.slanted(Partial(C, X01)) == r"\partial C/\partial X_{0,1}"
    assert printer.slanted(times(plus(u, a), Pow(s, -1))) == "(u + a)/s"
