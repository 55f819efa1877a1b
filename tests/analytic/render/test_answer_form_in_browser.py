"""Try your answer, on the page, in a real browser: it says what `analytic.telling.answer` says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from gettext import NullTranslations
from pathlib import Path
from random import Random
from typing import Any

import pytest
from chromium import started
from selenium import webdriver
from selenium.webdriver.common.by import By
from sympy import Expr

from analytic import Derivation, Geometry, Names, derive
from analytic.calculus.answers.scanning import AnswerError
from analytic.locale import translations
from analytic.render._unicode import UnicodePrinter
from analytic.render.html import render
from analytic.render.text import passage
from analytic.telling import formulas as general_formulas
from analytic.telling.answer import assess

pytestmark = pytest.mark.slow

CHAPTER = derive(Geometry((2, 3), (1, 2)))
BIASED = derive(Geometry((2, 3), (1, 2), bias=True))
STRIDED = derive(Geometry((5, 4), (3, 2), stride=2, padding=1))
GROUPED = derive(Geometry((2, 3), 2, batch=2, in_channels=4, out_channels=2, groups=2, bias=True))
OTHERS = derive(Geometry((2, 3), (1, 2)), names=Names(input="A", kernel="ω", upstream="Up"))

#: Writes into the field, asks, and gives what is then said, line by line.
TRY = """
document.querySelector('#try input').value = arguments[0];
document.querySelector('#try button').click();
return [...document.querySelectorAll('#try output p, #try output li')].map((e) => e.textContent);
"""

Try = Callable[[str], list[str]]


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """One browser for this module."""
    with started(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture
def opened(driver: webdriver.Chrome, tmp_path: Path) -> Callable[..., Try]:
    def open_(derivation: Derivation, language: str = "en") -> Try:
        path = tmp_path / "page.html"
        path.write_text(render(derivation.document, translations(language)), encoding="utf-8")
        driver.get(path.as_uri())
        return lambda formula: list(driver.execute_script(TRY, formula))

    return open_


def formulas(d: Derivation) -> Iterator[tuple[str, Expr]]:
    """Every element of Y and of the gradients, with its left side."""
    yield from ((f"Y{inner(d.Y[i])}", e) for i, e in d.output.items())
    for tensor, gradient in (
        (d.X, d.gradient_input),
        (d.K, d.gradient_kernel),
        (d.b, d.gradient_bias),
    ):
        if tensor is not None and gradient is not None:
            for index, expression in gradient.elements.items():
                yield f"dC/d{tensor.name}{inner(tensor[index])}", expression


def inner(symbol: Any) -> str:
    return "[" + str(symbol.name).split("_{")[1].rstrip("}") + "]"


def written(expression: Expr) -> str:
    return str(expression).replace("_{", "[").replace("}", "]")


@pytest.mark.parametrize(
    "d", [CHAPTER, STRIDED, GROUPED, OTHERS], ids=lambda d: str(d.geometry.input)
)
def test_every_right_element_is_right_and_a_further_term_is_not(
    opened: Callable[..., Try], d: Derivation
) -> None:
    ask = opened(d)
    for left, expression in formulas(d):
        formula = f"{left} = {written(expression)}"
        if expression == 0:
            continue
        assert ask(formula) == ["✓ Right, with every term."], formula
        first, *more = ask(f"{formula} + 2")
        assert first.startswith("✗ "), formula
        assert more == ["2 does not belong there."], formula


#: Right ones, wrong ones, and what is refused.
ASKED = [
    "Y00 = K01*X00 + K00*X01 + b[0] + b[0]",
    "Y[0,0] = K01*X00 + K00*X01 + b0",
    "db0 = G00 + G01 + G10",
    "dX[0,1] = G[0,0]*K[0,1]",
    "∂C/∂X₀₁ = G₀₀·K₀₁ + G₀₁·K₀₁",
    "dX01 = G00K01 + 2 G01 K00",
    "dX_{0,1} = G_{0,0} K_{0,1} − G_{0,1} K_{0,0}",
    "dX01 = dC/dY[0,0]*K01 + dY01*K01 + G11*K01",
    "Y[0,0] = K00*X00 + K01*X01 + X11*X11",
    "Y00 = K01*X02 + K00 X01",
    "dK[0,1] = X01*G00 + X02*G01 + X11*G10",
    "dX01 = G00*K00 + G01*K01",
    "dX00 = G00*K01",
    # general formulas
    "Y[i,j] = b[0] + sum(a,b) K[a,b]*X[i+a,j+b]",
    "Y[i,j] = sum(a,b) K[a,b]*X[i+a,j+b]",
    "Y[p,q] = b0 + ∑(b,a) X[p+a,q+b] K[a,b]",
    "dK[a,b] = sum(i,j) G[i,j]*X[i+a,j+b]",
    "dK[a,b] = Σ(i=0..1,j=0…1) dC/dY[i,j] X[i+a,j+b]",
    "dX[u,v] = sum(a,b) G[u-a,v-b]*K[a,b]",
    "∂C/∂X[u,v] = sum(i,j) G[i,j]*K[u-i,v-j]",
    "dX[1,v] = sum(b) G[1,v-b]*K[0,b]",
    "dX[0,1] = sum(b) G[0,1-b]*K[0,b]",
    "dX[u,v] = sum(a,b) G[u+a,v+b]*K[a,b]",
    "dX[u,v] = sum(a,b) G[u-a,v-b]*K[a,1-b]",
    "dX[u,v] = 2 sum(a,b) G[u-a,v-b]*K[a,b]/3",
    "dX[u,v] = 0.5*sum(a) sum(b) G[u-a,v-b]*K[a,b] + 1",
    "dX[u,v] = 0",
    "dX[u,u] = G[u,u]*K[0,u mod 2]",
    "Y[i,j] = sum(b=0..0) K[0,b]*X[i,j+b]",
    "Y[i,j] = sum(a=0..⌊1/2⌋, b=0..(3-1)/2) K[a,b]X[i+a,j+b] + b0",
    "dK[a,b] = sum(i,j) G[i,j]*X[i,j]",
    "db[o] = sum(i,j) G[i,j]",
    "dX[0,1] = X00X10 + X00X11 + X00X12 + X01X10 + X01X11 + X01X12 + X02X10 + X02X11 + X02X12",
    # Jacobians
    "dY[i,j]/dK[a,b] = X[i+a,j+b]",
    "dY[i,j]/dX[u,v] = K[u-i,v-j]",
    "dY[i,j]/dX[u,v] = K[i-u,j-v]",
    "dY[0,0]/dX[0,2] = 0",
    "dY[0,0]/dX[0,1] = -K[0,1]",
    "dY[i,j]/db[0] = 1",
    "dY/dK = [X00, X01; X01, X02; X10, X11; X11, X12]",
    "dY/dK = [X00, X01; X01, X02; X10, X11; X11, X11]",
    # matrices
    "dX = [G00K00, G00K01+G01K00, G01K01; G10K00, G10K01+G11K00, G11K01]",
    "dX = [[0, 0, G01K01], [0, 0, G11K01]]",
    "db = [G00 + G01 + G10 + G11]",
    # refused
    *("", "dX01", "dX01 =", "dX01 = G00 +", "dX01 = G00)", "dX01 = (G00", "dX[0 = 1", "= 1"),
    *("dX01 = G00!", "dX01 = G00.real", "dX01 = G00 ** 2", "dX = [1, 2; 3]", "dX01 = " + "(" * 60),
    *("dX01 = " + "1" * 30, "dX01 = " + "1 + " * 9000, "Y[i] = sum(2) K[i]", "dX[5,5] = 1"),
    *("dX[0,1/2] = 1", "dX = 3", "dX[0,0] = G[0,9]*K[0,0]", "dX[0,0] = G[0]*K[0,0]"),
    *("dX[0,0] = G*K", "dX[0,0] = W[0,0]", "dX[0,0] = q", "dX[0,0] = G[0,q]", "dX[u,0] = G[u,q]"),
    *("dX[0,0] = G00/0", "dX[0,0] = G00/K00", "dX[0,0] = G[sum(a) 1,0]", "dG[0,0] = X[0,0]"),
    *("dX/dY = [0]", "dX = [1, 2]", "dY[0,0]/dK = [1, 2]", "dX[0,0] = sum(a=0..999999999) a"),
    "dX[0,0] = sum(a=0..999) sum(b=0..999) 1",
]


def test_the_page_says_what_the_command_says(opened: Callable[..., Try]) -> None:
    ask = opened(BIASED)
    for formula in ASKED:
        agree(formula, ask(formula), BIASED)


def agree(formula: str, found: list[str], derivation: Derivation) -> None:
    """The page and the command hold it for right, for wrong in the same words, or refuse it."""
    try:
        _right, document = assess(formula, derivation)
    except AnswerError:
        assert len(found) == 1, formula
        assert found[0][0] not in "✓✗", formula
        return
    said = passage(document, NullTranslations()).splitlines()
    # Mathematics is nodes on the page: its letters and digits are compared, and the prose.
    assert [*map(plain, found)] == [*map(plain, said)], formula


@pytest.mark.parametrize("d", [STRIDED, GROUPED, OTHERS], ids=lambda d: str(d.geometry.input))
def test_whatever_is_made_of_a_general_formula_is_judged_alike(
    opened: Callable[..., Try], d: Derivation
) -> None:
    """Right ones with one sign of them changed, left out or doubled."""
    ask, chance = opened(d), Random(0)
    for right in general(d):
        agree(right, ask(right), d)
        for _ in range(40):
            place = chance.randrange(len(right))
            changed = chance.choice(("", right[place] * 2, chance.choice("abijuv012+-*/[](),")))
            formula = right[:place] + changed + right[place + 1 :]
            agree(formula, ask(formula), d)


def general(d: Derivation) -> Iterator[str]:
    """The general formulas, as the derivation prints them."""
    write = UnicodePrinter(lambda message: message.msgid, compact=False).doprint
    for made in (
        general_formulas.definition(d.geometry, d.X, d.K, d.Y, d.b),
        general_formulas.kernel_gradient(d.geometry, d.X, d.K, d.G),
        general_formulas.input_gradient(d.geometry, d.X, d.K, d.G),
    ):
        yield f"{write(made.sides[0])} = {write(made.sides[-1])}"


def test_a_matrix_is_read_entry_by_entry(opened: Callable[..., Try]) -> None:
    ask = opened(CHAPTER)
    first = "X00*G00 + X01*G01 + X10*G10 + X11*G11"
    second = "X[0,1]*G[0,0] + X_{0,2}*G01 + X11*G10 + X12*G11"

    assert ask(f"dK = [{first}, {second}]") == ["✓ Right: all 2 elements."]
    said = ask(f"dC/dK = [{first}; X01*G00]")
    assert said == ["The matrix must be 1×2, not 2×1."]
    many, head, *missing = ask(f"dK = [{first}, X01*G00]")
    assert many == "✗ Not right: 1 of 2 elements differs."
    assert head.startswith("✗ ")
    assert len(missing) == 3
    assert ask(f"dK = [{first}]") == ["The matrix must be 1×2, not 1×1."]


def plain(line: str) -> str:
    digits = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
    return line.translate(digits).removeprefix("– ").translate(str.maketrans("", "", " ·,/"))


@pytest.mark.parametrize(
    ("formula", "line"),
    [
        ("", "The formula ends too early."),
        ("dX[0,1]", "The formula ends too early."),
        ("dG[0,0] = 1", "On the left side an element should stand, not dG."),
        ("dX[0,1] = G[0,0] *", "The formula ends too early."),
        ("dX[0,1] = alert(1)", "This cannot be read at alert."),
        ("dX[0,1] = <b>", "This cannot be read at <."),
        ("dX[5,5] = 1", "There is no dX[5,5]."),
        ("dX[0,1] = G[7,7]", "There is no G[7,7]."),
        ("dX = 1", "dX needs its indices."),
        ("dX[0,1] = G[0,0] = 2", "This cannot be read at =."),
    ],
)
def test_what_cannot_be_read_is_said(
    opened: Callable[..., Try], driver: webdriver.Chrome, formula: str, line: str
) -> None:
    assert opened(CHAPTER)(formula) == [line]
    assert not driver.get_log("browser")  # type: ignore[no-untyped-call]  # selenium has no types here


def test_in_hebrew_the_formulas_stay_from_left_to_right(
    opened: Callable[..., Try], driver: webdriver.Chrome
) -> None:
    ask = opened(CHAPTER, "he")
    assert "חסר המחובר" in ask("dX[0,1] = G[0,0]*K[0,1]")[1]
    for formula in driver.find_elements(By.CSS_SELECTOR, "#try output math"):
        box = driver.execute_script("return arguments[0].closest('bdi')?.dir", formula)
        assert box == "ltr"
    assert driver.find_element(By.CSS_SELECTOR, "#try input").get_attribute("dir") == "ltr"
