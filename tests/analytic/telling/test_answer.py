"""What is said of a formula; that it is the right thing to say, test_comparison shows."""

from __future__ import annotations

from gettext import NullTranslations

import pytest

from analytic import Geometry, Names, derive, parse_geometry
from analytic.render._unicode import UnicodePrinter
from analytic.render.text import passage
from analytic.telling import formulas
from analytic.telling.answer import assess
from analytic.telling.document import Formula

CHAPTER = derive(Geometry((2, 3), (1, 2)))


def said(formula: str) -> tuple[bool, list[str]]:
    right, document = assess(formula, CHAPTER)
    return right, passage(document, NullTranslations()).splitlines()


@pytest.mark.parametrize(
    ("formula", "line"),
    [
        ("dX[0,1] = G[0,0]*K[0,1] + G[0,1]*K[0,0]", "✓ Right, with every term."),
        (
            "Y[i,j] = sum(a,b) K[a,b]X[i+a,j+b]",
            "✓ Right: in this geometry it gives all 4 elements.",
        ),
        (
            "dK = [X00G00+X01G01+X10G10+X11G11, X01G00+X02G01+X11G10+X12G11]",
            "✓ Right: all 2 elements.",
        ),
    ],
)
def test_right(formula: str, line: str) -> None:
    assert said(formula) == (True, [line])


@pytest.mark.parametrize(
    ("formula", "lines"),
    [
        (
            "dX[0,1] = G[0,0]*K[0,1] + G[0,1]*K[0,1]",
            [
                "✗ ∂C/∂X₀₁ is not right:",
                "– G₀₁·K₀₁ has a wrong index: it must be G₀₁·K₀₀.",
            ],
        ),
        ("dX[0,1] = G[0,0]*K[0,1]", ["✗ ∂C/∂X₀₁ is not right:", "– G₀₁·K₀₀ is missing."]),
        ("Y[0,1] = K00X01+K01X02+2", ["✗ Y₀₁ is not right:", "– 2 does not belong there."]),
        (
            "dY[0,0]/dX[0,1] = -K[0,1]",
            ["✗ ∂Y₀₀/∂X₀₁ is not right:", "– −K₀₁ must be K₀₁."],
        ),
        (
            "dX = [G00K00, G00K01, G01K01; G10K00, G10K01+G11K00, 0]",
            [
                "✗ Not right: 2 of 6 elements differ.",
                "✗ ∂C/∂X₀₁ is not right:",
                "– G₀₁·K₀₀ is missing.",
                "✗ ∂C/∂X₁₂ is not right:",
                "– G₁₁·K₀₁ is missing.",
            ],
        ),
    ],
)
def test_wrong(formula: str, lines: list[str]) -> None:
    assert said(formula) == (False, lines)


@pytest.mark.parametrize(
    "formula",
    [
        "dX[0,1] = G[0,0]*K[0,0] + G[0,1]*K[0,1]",
        "dX[u,v] = sum(a,b) G[u-a,v-b]*K[a,1-b]",
        "Y[i,j] = sum(a,b) K[a,1-b]X[i+a,j+b]",
    ],
)
def test_a_kernel_that_was_not_flipped_is_one_mistake(formula: str) -> None:
    _right, lines = said(formula)
    headings = [line for line in lines if line.endswith("is not right:")]
    assert lines.count("– With the kernel flipped it would be right.") == len(headings)


def test_a_kernel_that_is_partly_turned_is_not_called_flipped() -> None:
    _right, lines = said("dX[0,1] = G[0,0]*K[0,0] + G[0,1]*K[0,0]")
    assert lines[1:] == ["– G₀₀·K₀₀ has a wrong index: it must be G₀₀·K₀₁."]


def test_of_many_wrong_ones_the_first_are_told() -> None:
    _right, lines = said("dX[u,v] = 0")
    assert lines[0] == "✗ Not right: 6 of 6 elements differ."
    assert len([line for line in lines if line.endswith("is not right:")]) == 3


def test_of_many_mistakes_in_one_sum_the_first_are_told() -> None:
    claimed = " + ".join(f"X[0,{v}]*X[1,{w}]" for v in range(3) for w in range(3))
    _right, lines = said(f"dX[0,1] = {claimed}")
    assert lines[-1] == "– (3 more)"


@pytest.mark.parametrize(
    "text",
    [
        "h2 w3 k1x2",
        "h5 w4 k3x2 s2 p1",
        "h5 w5 k2 d2x1 s1x2",
        "n2 c4 h3 w3 o6 k2 s2 p1 g2",
        "c2 h3 w3 o2 k2 g2",
    ],
)
def test_every_general_formula_that_is_printed_is_right(text: str) -> None:
    d = derive(parse_geometry(text, bias=True), names=Names())
    assert d.b is not None
    write = UnicodePrinter(lambda message: message.msgid, compact=False).doprint

    def printed(formula: Formula) -> str:
        return f"{write(formula.sides[0])} = {write(formula.sides[-1])}"

    for formula in (
        formulas.definition(d.geometry, d.X, d.K, d.Y, d.b),
        formulas.kernel_gradient(d.geometry, d.X, d.K, d.G),
        formulas.input_gradient(d.geometry, d.X, d.K, d.G),
        formulas.bias_chain(d.geometry, d.b, d.Y, d.G),
    ):
        right, document = assess(printed(formula), d)
        assert right, (printed(formula), passage(document, NullTranslations()))
