"""The page in a real browser: what lights up under the pointer, the keyboard and a finger."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chromium import started
from derivation_page import GROUPED, STRIDED, Cell, Page
from selenium import webdriver
from selenium.webdriver import ActionChains, Keys
from selenium.webdriver.common.by import By

from analytic import Derivation, Geometry, derive

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """One browser for this module."""
    with started(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture
def page(driver: webdriver.Chrome, tmp_path: Path) -> Page:
    return Page(driver, tmp_path)


def meeting(derivation: Derivation, role: str, index: tuple[int, ...]) -> set[Cell]:
    """The cells that share an entry of ∂Y/∂X with a cell, by the Jacobian."""
    found: set[Cell] = set()
    for (output, pixel), weight in derivation.jacobian_input.entries.items():
        tap = derivation.K.indices[weight]
        together = {("X", pixel), ("K", tap), ("Y", output), ("G", output)}
        if (role, index) in together:
            found |= together
    return found - {(role, index)}


def spelled(expression: Any, head: str) -> str:
    """A formula as the page's text has it: letters, indices and signs, in reading order."""
    terms = expression.args if expression.is_Add else (expression,)
    products = (
        "".join(str(factor) for factor in getattr(term, "args", ()) or (term,)) for term in terms
    )
    text = head + "=" + "+".join(products)
    return text.replace("_{", "").replace("}", "")


@pytest.mark.parametrize("derivation", [STRIDED, GROUPED], ids=["strided", "grouped"])
def test_pixel_lights_its_outputs_its_case_and_its_gradient(
    page: Page, derivation: Derivation
) -> None:
    page.open(derivation)
    names = {0: "never", 1: "once", 2: "twice", 4: "4 times"}
    count_of: dict[tuple[int, ...], int] = {
        pixel: case.count for case in derivation.cases for pixel in case.pixels
    }
    for index, symbol in list(derivation.X.items())[:24]:
        page.hover("X", index)
        assert page.lit("focus") == {("X", index)}
        assert page.lit() == meeting(derivation, "X", index)
        kin = {
            ("X", (*index[:2], *pixel)) for pixel, n in count_of.items() if n == count_of[index[2:]]
        }
        assert page.lit("kin") == kin
        said = page.panel()
        assert said["Takes part"] == names[count_of[index[2:]]]
        head = spelled(symbol, "").removeprefix("=")
        assert said["Its gradient"] == spelled(
            derivation.gradient_input.elements[index], f"∂C∂{head}"
        )


def test_pixels_that_no_output_sees_say_so(page: Page) -> None:
    page.open(derive(Geometry((3, 3), 1, stride=2)))

    page.hover("X", (0, 0, 1, 1))

    assert page.lit() == set()
    assert page.panel() == {
        "Pixel": "X1,1",
        "Takes part": "never",
        "Outputs": "none",
        "Its gradient": "∂C∂X1,1=0",
    }


@pytest.mark.parametrize("derivation", [STRIDED, GROUPED], ids=["strided", "grouped"])
def test_kernel_element_lights_what_it_multiplies(page: Page, derivation: Derivation) -> None:
    page.open(derivation)
    for index, symbol in derivation.K.items():
        page.hover("K", index)
        assert page.lit() == meeting(derivation, "K", index)
        assert page.lit("kin") == set()
        said = page.panel()["Its gradient"]
        head = spelled(symbol, "").removeprefix("=")
        assert said == spelled(derivation.gradient_kernel.elements[index], f"∂C∂{head}")


@pytest.mark.parametrize("derivation", [STRIDED, GROUPED], ids=["strided", "grouped"])
def test_output_lights_what_it_sees(page: Page, derivation: Derivation) -> None:
    page.open(derivation)
    for index in list(derivation.Y)[:6]:
        page.hover("Y", index)
        assert page.lit() == meeting(derivation, "Y", index)
        head = spelled(derivation.Y[index], "").removeprefix("=")
        assert page.panel()["Its value"] == spelled(derivation.output[index], head)


def test_text_that_belongs_to_a_pixel_lights_too(page: Page) -> None:
    page.open(STRIDED)

    page.hover("X", (0, 0, 1, 1))

    rows = page.run(
        "return [...document.querySelectorAll('tr.lit')].map(r => r.dataset.of || r.dataset.case)"
    )
    assert rows == ["twice", "X_{1,1}"]


def test_leaving_puts_the_lights_out(page: Page) -> None:
    page.open(STRIDED)
    page.hover("X", (0, 0, 1, 1))
    assert page.lit()

    heading = page.driver.find_element(By.TAG_NAME, "h1")
    ActionChains(page.driver, duration=0).move_to_element(heading).perform()

    assert page.lit() == page.lit("focus") == page.lit("kin") == set()
    assert "Nothing is pointed at" in page.run(
        "return document.getElementById('panel').textContent"
    )


def test_keyboard_does_all_that_the_pointer_does(page: Page) -> None:
    page.open(STRIDED)
    links = len(page.driver.find_elements(By.CSS_SELECTOR, "nav a"))

    page.press(*[Keys.TAB] * (links + 1))
    assert page.lit("focus") == {("X", (0, 0, 0, 0))}
    page.press(Keys.ARROW_DOWN, Keys.ARROW_RIGHT)
    assert page.lit("focus") == {("X", (0, 0, 1, 1))}
    assert page.lit() == meeting(STRIDED, "X", (0, 0, 1, 1))
    page.press(Keys.END)
    assert page.lit("focus") == {("X", (0, 0, 1, 3))}
    page.press(Keys.ARROW_RIGHT)  # the edge holds
    assert page.lit("focus") == {("X", (0, 0, 1, 3))}
    page.press(Keys.TAB)  # one stop for each grid
    assert page.lit("focus") == {("K", (0, 0, 0, 0))}
    page.press(Keys.ESCAPE)
    assert page.lit("focus") == page.lit() == set()
    # Backwards, to where one was.
    ActionChains(page.driver).key_down(Keys.SHIFT).send_keys(Keys.TAB).key_up(Keys.SHIFT).perform()
    assert page.lit("focus") == {("X", (0, 0, 1, 3))}


def test_focus_can_be_seen(page: Page) -> None:
    page.open(STRIDED)
    links = len(page.driver.find_elements(By.CSS_SELECTOR, "nav a"))

    page.press(*[Keys.TAB] * (links + 1))

    outline = "return getComputedStyle(document.activeElement).outline"
    assert "solid 3px" in page.run(outline)


def test_tap_pins_what_it_touches(page: Page) -> None:
    page.open(STRIDED)
    page.cell("K", (0, 0, 0, 1)).click()
    heading = page.driver.find_element(By.TAG_NAME, "h1")

    ActionChains(page.driver, duration=0).move_to_element(heading).perform()

    assert page.lit("focus") == {("K", (0, 0, 0, 1))}
    assert page.lit() == meeting(STRIDED, "K", (0, 0, 0, 1))


def test_lights_do_not_rely_on_colour(page: Page) -> None:
    page.open(STRIDED)
    page.hover("X", (0, 0, 1, 1))
    border = (
        "const s = getComputedStyle(arguments[0]); return `${s.borderTopWidth} ${s.borderTopStyle}`"
    )

    shown = {
        page.run(border, page.cell("X", (0, 0, 0, 0))): "dark",
        page.run(border, page.cell("X", (0, 0, 1, 1))): "focus",
        page.run(border, page.cell("X", (0, 0, 1, 2))): "kin",
        page.run(border, page.cell("Y", (0, 0, 0, 1))): "lit",
    }

    assert len(shown) == 4


def test_grids_are_named_for_those_who_hear_them(page: Page) -> None:
    page.open(GROUPED)

    named = page.run(
        "return [...document.querySelectorAll('[role=grid]')]"
        ".map(grid => grid.getAttribute('aria-label'))"
    )

    assert len(named) == len(set(named)) == 2 * 4 + 2 * 2 + 2 * (2 * 2)
    assert "X 1, 3: input" in named
    assert page.run("return document.getElementById('panel').getAttribute('aria-live')") == "polite"


def test_large_shape_lights_what_it_meets(page: Page) -> None:
    derivation = derive(Geometry((48, 48), 5, stride=2, padding=2))
    page.open(derivation)
    index = (0, 0, 30, 30)

    page.hover("X", index)

    assert page.lit() == meeting(derivation, "X", index)
    assert page.panel()["Pixel"] == "X30,30"
    page.cell("X", index).click()
    assert page.cell("X", index).get_attribute("aria-label") == "X 30,30"  # it has no room for text
