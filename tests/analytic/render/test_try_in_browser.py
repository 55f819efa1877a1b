"""Try your answer, on the page, in a real browser: it says what `analytic.telling.answer` says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from gettext import NullTranslations
from pathlib import Path
from typing import Any

import pytest
from chromium import started
from selenium import webdriver
from selenium.webdriver.common.by import By
from sympy import Expr

from analytic import Derivation, Geometry, Names, derive
from analytic.locale import translations
from analytic.render.html import render
from analytic.render.text import passage
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
        assert more == ["2 is too much."], formula


@pytest.mark.parametrize(
    "formula",
    [
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
    ],
)
def test_the_page_says_what_the_command_says(opened: Callable[..., Try], formula: str) -> None:
    _right, document = assess(formula, BIASED)
    said = passage(document, NullTranslations()).splitlines()

    found = opened(BIASED)(formula)

    assert len(found) == len(said)
    for line, expected in zip(found[1:], said[1:], strict=True):
        # Mathematics is nodes on the page: its letters and digits are compared, and the prose.
        assert plain(line) == plain(expected)


def test_a_matrix_is_read_entry_by_entry(opened: Callable[..., Try]) -> None:
    ask = opened(CHAPTER)
    first = "X00*G00 + X01*G01 + X10*G10 + X11*G11"
    second = "X[0,1]*G[0,0] + X_{0,2}*G01 + X11*G10 + X12*G11"

    assert ask(f"dK = [{first}, {second}]") == ["✓ Right, with every term."]
    said = ask(f"dC/dK = [{first}; X01*G00]")
    assert said == ["There is no dK[1,0]."]
    head, *missing = ask(f"dK = [{first}, X01*G00]")
    assert head.startswith("✗ ")
    assert len(missing) == 3
    assert ask(f"dK = [{first}]") == ["The formula ends too early."]


def plain(line: str) -> str:
    digits = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
    return line.translate(digits).removeprefix("– ").translate(str.maketrans("", "", " ·,"))


@pytest.mark.parametrize(
    ("formula", "line"),
    [
        ("", "The formula ends too early."),
        ("dX[0,1]", "The formula ends too early."),
        ("dG[0,0] = 1", "On the left side an element should stand, not dG."),
        ("dX[0,1] = G[0,0] *", "The formula ends too early."),
        ("dX[0,1] = alert(1)", "This cannot be read at (."),
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
