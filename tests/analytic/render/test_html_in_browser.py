"""The page in a real browser: what lights up under the pointer, the keyboard and a finger."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver import ActionChains, Keys
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from analytic import Derivation, Geometry, derive
from analytic.locale import translations
from analytic.render.html import render

pytestmark = pytest.mark.slow

Samples = Mapping[str, Any]
Cell = tuple[str, tuple[int, ...]]

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)

#: Every cell of the picture that carries a class, as [role, sample, channel, row, column].
LIT = """
return [...document.querySelectorAll('#picture [role=gridcell].' + arguments[0])].map((td) => {
  const table = td.closest('table');
  const leading = table.dataset.leading.split(',').map(Number);
  return [td.closest('[data-role]').dataset.role, ...leading, td.parentNode.rowIndex, td.cellIndex];
});
"""


class Page:
    """What a reader does, and sees."""

    def __init__(self, driver: webdriver.Chrome, folder: Path) -> None:
        self.driver = driver
        self.folder = folder
        self.emulate(1200)

    def emulate(self, width: int, scheme: str = "light", media: str = "") -> None:
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        screen = {"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"media": media, "features": features}
        )
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)

    def open(self, derivation: Derivation, language: str = "en") -> Page:
        path = self.folder / "page.html"
        path.write_text(render(derivation.document, translations(language)), encoding="utf-8")
        self.driver.get(path.as_uri())
        return self

    def cell(self, role: str, index: tuple[int, ...]) -> WebElement:
        n, c, row, column = index
        found: WebElement = self.driver.execute_script(
            "return document.querySelector(`[data-role=${arguments[0]}] "
            "[data-leading='${arguments[1]}']`).rows[arguments[2]].cells[arguments[3]]",
            role,
            f"{n},{c}",
            row,
            column,
        )
        return found

    def hover(self, role: str, index: tuple[int, ...]) -> None:
        cell = self.cell(role, index)
        self.run("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", cell)
        ActionChains(self.driver, duration=0).move_to_element(cell).perform()

    def press(self, *keys: str) -> None:
        for key in keys:
            ActionChains(self.driver).send_keys(key).perform()

    def lit(self, kind: str = "lit") -> set[Cell]:
        return {(role, tuple(index)) for role, *index in self.run(LIT, kind)}

    def panel(self) -> dict[str, str]:
        """What the panel says, by its headings; mathematics as its letters and signs."""
        found: dict[str, str] = self.run(
            "return Object.fromEntries([...document.querySelectorAll('#panel dt')]"
            ".map((dt) => [dt.textContent, dt.nextElementSibling.textContent]))"
        )
        return found

    def complaints(self) -> list[Any]:
        """What the browser logged since it was last asked."""
        return list(self.driver.get_log("browser"))  # type: ignore[no-untyped-call]  # selenium has no types here

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """One browser for this module."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    service = shutil.which("chromedriver")
    if browser is None or service is None:
        pytest.skip("no Chromium with chromedriver on this machine: the page is not opened here")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    opened = webdriver.Chrome(options=options, service=Service(service))
    yield opened
    opened.quit()


@pytest.fixture
def page(driver: webdriver.Chrome, tmp_path: Path) -> Page:
    return Page(driver, tmp_path)


STRIDED = derive(Geometry((5, 4), (3, 2), stride=2, padding=1))
GROUPED = derive(Geometry((2, 3), 2, batch=2, in_channels=4, out_channels=2, groups=2, bias=True))


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


CONTRAST = """
const luminance = (c) => {
  const [r, g, b] = c.match(/[\\d.]+/g).slice(0, 3).map((v) => {
    v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const back = (e) => {
  for (; e; e = e.parentElement) {
    const c = getComputedStyle(e).backgroundColor;
    if (c !== 'rgba(0, 0, 0, 0)') return c;
  }
};
return Math.min(...[...document.querySelectorAll('p, li, h1, h2, th, td, dd, dt, a, figcaption')]
  .map((e) => {
    const [a, b] = [luminance(getComputedStyle(e).color), luminance(back(e))].sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05);
  }));
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_in_both_schemes(page: Page, scheme: str) -> None:
    page.emulate(1200, scheme)
    page.open(STRIDED)
    page.hover("X", (0, 0, 1, 1))

    assert page.run(CONTRAST) >= 4.5  # WCAG's bound for text, AA


def test_schemes_differ(page: Page) -> None:
    grounds = []
    for scheme in ("light", "dark"):
        page.emulate(1200, scheme)
        page.open(STRIDED)
        grounds.append(page.run("return getComputedStyle(document.body).backgroundColor"))

    assert grounds[0] != grounds[1]


@pytest.mark.parametrize("language", ["en", "he"])
@pytest.mark.parametrize(
    "name", ["strided and padded", "channels and groups and batch and bias", "large"]
)
def test_phone_never_scrolls_sideways(
    page: Page, samples: Samples, name: str, language: str
) -> None:
    page.emulate(375)
    page.open(samples[name].document().derivation, language)

    assert page.run("return document.documentElement.scrollWidth") <= 375


def test_wide_blocks_can_be_scrolled_by_keyboard(page: Page) -> None:
    page.emulate(375)
    page.open(STRIDED)

    wide = page.run(
        "return [...document.querySelectorAll('.scroll')]"
        ".filter(b => b.scrollWidth > b.clientWidth + 1)"
        ".map(b => [b.tabIndex, b.getAttribute('role'), b.getAttribute('aria-label')])"
    )

    assert wide
    assert all(block == [0, "group", "wide: scrolls sideways"] for block in wide)


@pytest.mark.parametrize("language", ["en", "he"])
def test_of_a_wide_formula_the_beginning_is_seen_first(page: Page, language: str) -> None:
    page.emulate(375)
    page.open(STRIDED, language)

    hidden = page.run(
        "return [...document.querySelectorAll('.scroll')]"
        ".filter(b => b.scrollWidth > b.clientWidth + 1)"
        ".map(b => [b, b.firstElementChild].map(e => e.getBoundingClientRect().left))"
        ".map(([frame, content]) => frame - content)"
    )

    assert hidden
    assert max(hidden) <= 0


def test_hebrew_runs_from_the_right_and_mathematics_from_the_left(page: Page) -> None:
    page.open(STRIDED, "he")
    left = "return arguments[0].getBoundingClientRect().left"
    page.hover("X", (0, 0, 1, 1))

    assert page.run("return getComputedStyle(document.querySelector('p')).direction") == "rtl"
    assert page.run("return getComputedStyle(document.querySelector('math')).direction") == "ltr"
    first, second = (page.cell("X", (0, 0, 0, column)) for column in (0, 1))
    assert page.run(left, first) < page.run(left, second)
    x, k = (page.driver.find_element(By.CSS_SELECTOR, f"[data-role={r}] table") for r in "XK")
    assert page.run(left, x) > page.run(left, k)
    pieces = page.run(
        "return [...document.querySelectorAll('#panel dd:last-of-type math')]"
        ".map(m => m.getBoundingClientRect().left)"
    )
    assert len(pieces) == 3  # the derivative and two terms, from left to right
    assert pieces == sorted(pieces)


def test_what_says_that_something_is_left_out_is_not_cut_off_itself(page: Page) -> None:
    page.open(derive(Geometry(9, 2)), "he")
    outside = page.run(
        "return [...document.querySelectorAll('.formulas .more td')].filter((td) => {"
        "  const text = document.createRange(); text.selectNodeContents(td);"
        "  const [box, room] = [text, td.closest('.scroll')].map((e) => e.getBoundingClientRect());"
        "  return box.right > room.right + 1 || box.left < room.left - 1;"
        "}).length"
    )
    assert page.driver.find_elements(By.CSS_SELECTOR, ".formulas .more td")
    assert outside == 0


def test_print_shows_the_picture_without_its_controls(page: Page) -> None:
    page.emulate(1200, media="print")
    page.open(STRIDED)
    display = "return getComputedStyle(document.querySelector(arguments[0])).display"

    assert page.run(display, "#panel") == page.run(display, "nav") == "none"
    assert page.run(display, ".planes") == "flex"
    assert (
        page.run("return getComputedStyle(document.querySelector('.scroll')).overflowX")
        == "visible"
    )


def test_large_shape_lights_what_it_meets(page: Page) -> None:
    derivation = derive(Geometry((48, 48), 5, stride=2, padding=2))
    page.open(derivation)
    index = (0, 0, 30, 30)

    page.hover("X", index)

    assert page.lit() == meeting(derivation, "X", index)
    assert page.panel()["Pixel"] == "X30,30"
    page.cell("X", index).click()
    assert page.cell("X", index).get_attribute("aria-label") == "X 30,30"  # it has no room for text


def test_page_fetches_nothing_and_complains_of_nothing(page: Page) -> None:
    page.complaints()
    page.open(GROUPED)
    page.hover("K", (0, 0, 0, 0))

    assert page.run("return performance.getEntriesByType('resource').length") == 0
    assert page.complaints() == []
