"""Numbers and formulas as a page shows them."""

from __future__ import annotations

from typing import Any

import sympy as sp
from latex2mathml.converter import convert
from markupsafe import Markup, escape

from conv_reference.chapter import equations

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def plain_number(value: float | int, digits: int = 3) -> str:
    """A number to so many significant digits, for attributes and text.

    >>> plain_number(0.000275), plain_number(60000), plain_number(-0.5), plain_number(8.31e-6)
    ('0.000275', '60,000', '−0.5', '8.31×10⁻⁶')
    >>> plain_number(1154.3), plain_number(2.66e12)
    ('1,150', '2.66×10¹²')
    """
    if isinstance(value, int):
        return f"{value:,}".replace("-", "−")
    text = f"{value:.{digits}g}"
    if 1000 <= abs(value) < 1e6:
        text = f"{float(text):,.0f}"
    mantissa, _, exponent = text.partition("e")
    if exponent:
        return f"{mantissa}×10{str(int(exponent)).translate(_SUPERSCRIPTS)}".replace("-", "−", 1)
    return text.replace("-", "−")


def number(value: float | int, digits: int = 3) -> Markup:
    """The same, kept left to right inside a sentence of either direction."""
    return Markup('<bdi dir="ltr">{}</bdi>').format(plain_number(value, digits))


def named(latex: str) -> Markup:
    """The name of an element as text, for the heads of tables, whose names are read aloud.

    >>> str(named("X_{01}"))
    '<bdi dir="ltr">X₀₁</bdi>'
    """
    return Markup('<bdi dir="ltr">{}</bdi>').format(_name(latex))


def derivative(latex: str) -> Markup:
    """The name of the cost's derivative by an element, as text for the head of a row.

    >>> str(derivative("X_{01}"))
    '<bdi dir="ltr">∂C/∂X₀₁</bdi>'
    """
    return Markup('<bdi dir="ltr">∂C/∂{}</bdi>').format(_name(latex))


def _name(latex: str) -> str:
    letter, _, index = latex.partition("_")
    return letter + index.strip("{}").translate(_SUBSCRIPTS)


def percent(value: float | int, digits: int = 2) -> Markup:
    """A share in per cent, with its sign where it is a deviation.

    >>> str(percent(-0.0123))
    '<bdi dir="ltr">−1.2%</bdi>'
    """
    text = f"{plain_number(100 * value, digits)}%"
    return Markup('<bdi dir="ltr">{}</bdi>').format(text)


def prose(text: str) -> Markup:
    """A sentence in which code stands between backticks.

    >>> str(prose("`a < b` holds"))
    '<code dir="ltr">a &lt; b</code> holds'
    """
    pieces = text.split("`")
    return Markup("").join(
        code(piece) if place % 2 else escape(piece) for place, piece in enumerate(pieces)
    )


def code(text: str) -> Markup:
    """Text as it is typed, left to right."""
    return Markup('<code dir="ltr">{}</code>').format(text)


def formula(expression: Any, *, block: bool = False) -> Markup:
    """LaTeX, or an expression of sympy, as native MathML; left to right in any language."""
    latex = expression if isinstance(expression, str) else sp.latex(expression)
    if block:
        return equations.displayed(latex)
    return Markup(convert(latex).replace("<math ", '<math dir="ltr" ', 1))


def described(svg: str, description: str) -> Markup:
    """A drawing with its alternative text."""
    label = escape(description)
    return Markup(svg.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1))
