"""The page in a real browser: contrast, narrow screens, both directions of writing, print."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from chromium import started
from derivation_page import GROUPED, STRIDED, Page, Samples
from selenium import webdriver
from selenium.webdriver.common.by import By

from analytic import Geometry, derive

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """One browser for this module."""
    with started(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture
def page(driver: webdriver.Chrome, tmp_path: Path) -> Page:
    return Page(driver, tmp_path)


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
def test_the_page_itself_never_scrolls_sideways(
    page: Page, samples: Samples, name: str, language: str
) -> None:
    page.open(samples[name].document().derivation, language)
    for width in (320, 400, 900, 1400):
        page.emulate(width)
        wide = page.run("return document.documentElement.scrollWidth")
        assert wide <= width, f"{wide} pixels at {width}"


@pytest.mark.parametrize("language", ["en", "he"])
def test_no_mark_stands_alone_on_a_line(page: Page, language: str) -> None:
    """As the colon did behind ∂Y/∂K on a narrow page."""
    page.open(STRIDED, language)
    for width in (320, 400, 900):
        page.emulate(width)
        lines = page.run(
            "return [...document.querySelectorAll('.whole')].map(e => e.getClientRects().length)"
        )
        assert {*lines} == {1}
        assert page.run("return document.documentElement.scrollWidth") <= width


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


def test_page_fetches_nothing_and_complains_of_nothing(page: Page) -> None:
    page.complaints()
    page.open(GROUPED)
    page.hover("K", (0, 0, 0, 0))

    assert page.run("return performance.getEntriesByType('resource').length") == 0
    assert page.complaints() == []
