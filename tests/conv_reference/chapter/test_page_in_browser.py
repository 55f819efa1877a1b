"""The page as a reader sees it: real Chromium, three widths, light and dark, both languages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from chromium import started

from conv_reference.chapter.language import LANGUAGES

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with started(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(scope="module")
def files(pages: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    for language, html in pages.items():
        (folder / f"{language}.html").write_text(html, encoding="utf-8")
    return {language: folder / f"{language}.html" for language in pages}


MEASURE = """
const luminance = colour => {
  const [r, g, b] = colour.match(/[\\d.]+/g).map(Number).map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const paper = luminance(getComputedStyle(document.body).backgroundColor);
const contrast = element => {
  const ink = luminance(getComputedStyle(element).color);
  return (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
};
const outside = [...document.querySelectorAll("p, h1, h2, h3, pre, figure, figcaption, .table")]
  .filter(e => e.getBoundingClientRect().left < -0.5
    || e.getBoundingClientRect().right > innerWidth + 0.5);
const drawings = [...document.querySelectorAll("svg")].map(e => e.getBoundingClientRect());
return {
  overflow: document.documentElement.scrollWidth - innerWidth,
  outside: outside.map(e => e.tagName + " " + e.textContent.slice(0, 40)),
  paper,
  contrast: Math.min(...[...document.querySelectorAll("p, figcaption, a, td, code")].map(contrast)),
  ink: contrast(document.querySelector("svg text")),
  direction: getComputedStyle(document.querySelector("main p")).direction,
  drawings: drawings.map(box => [box.width, box.height]),
  formulas: [...document.querySelectorAll("math")].filter(e => e.checkVisibility())
    .map(e => e.getBoundingClientRect().height),
  cut: [...document.querySelectorAll(".formula, .equations, .stepper")]
    .filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.textContent),
};
"""


# How many characters a learned weight has depends on how the processor rounds: the widest, then.
WIDEN = """
document.querySelectorAll("table.bracketed td").forEach(e => { e.textContent = "-0.000123"; });
"""


@pytest.mark.parametrize("language", list(LANGUAGES))
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 900, 1400])
def test_the_page_is_readable(
    driver: Any, files: Mapping[str, Path], width: int, scheme: str, language: str
) -> None:
    feature = {"name": "prefers-color-scheme", "value": scheme}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    driver.get(files[language].as_uri())
    driver.execute_script(WIDEN)
    seen = driver.execute_script(MEASURE)

    assert seen["overflow"] <= 0
    assert seen["outside"] == []
    assert (seen["paper"] > 0.9) if scheme == "light" else (seen["paper"] < 0.02)
    assert seen["contrast"] >= 4.5  # WCAG 2.2, level AA
    assert seen["ink"] >= 7
    assert seen["direction"] == LANGUAGES[language]
    assert len(seen["drawings"]) == 17
    for drawn_width, drawn_height in seen["drawings"]:
        assert 300 < drawn_width <= max(width, 500)
        assert 100 < drawn_height < 1.6 * drawn_width
    assert min(seen["formulas"]) > 6  # a dot alone has this height
    assert seen["cut"] == []
    assert [entry for entry in driver.get_log("browser") if entry["level"] == "SEVERE"] == []


SHOWN = """
return [...document.querySelectorAll(".stepper .frame")].map(e => e.checkVisibility());
"""


@pytest.mark.parametrize("language", list(LANGUAGES))
def test_arrow_keys_step_through_the_picture_of_exercise_3(
    driver: Any, files: Mapping[str, Path], language: str
) -> None:
    driver.get(files[language].as_uri())
    steps = driver.find_elements("css selector", ".stepper input")
    assert driver.execute_script(SHOWN) == [True] + [False] * 5
    for place in range(1, 6):
        steps[place - 1].send_keys("\ue015")  # the key that goes down
        assert driver.execute_script(SHOWN) == [one == place for one in range(6)]


# Writes into the field, asks, and gives what is then said, line by line.
TRY = """
document.querySelector("#try input").value = arguments[0];
document.querySelector("#try button").click();
return [...document.querySelectorAll("#try output p, #try output li")].map(e => e.textContent);
"""
ANSWERS = {
    "dX[0,1] = G[0,0]*K[0,1] + G[0,1]*K[0,0]": [],
    "dX[0,1] = G[0,0]*K[0,1]": ["missing"],
    "dX[0,1] = G[0,0]*K[0,1] + G[0,1]*K[0,0] + X[1,2]": ["superfluous"],
    "dX[0,1] = G[0,0]*K[0,1] + G[0,1]*K[0,1]": ["moved"],
    "dX[u,v] = sum(a,b) G[u-a,v-b]*K[a,b]": [],
}
SAID = {
    "en": {"missing": " is missing.", "superfluous": " not belong", "moved": " has a wrong index"},
    "he": {"missing": "חסר המחובר", "superfluous": "מיותר", "moved": "האינדקס שגוי"},
}


@pytest.mark.parametrize("language", list(LANGUAGES))
def test_an_answer_to_exercise_3_is_judged_on_the_page(
    driver: Any, files: Mapping[str, Path], language: str
) -> None:
    driver.get(files[language].as_uri())
    assert driver.find_element("css selector", "#try").is_displayed()
    for answer, wrong in ANSWERS.items():
        first, *remarks = driver.execute_script(TRY, answer)
        assert first[0] == ("✗" if wrong else "✓"), answer
        assert len(remarks) == len(wrong)
        for remark, word in zip(remarks, wrong, strict=True):
            assert SAID[language][word] in remark, answer
    assert [entry for entry in driver.get_log("browser") if entry["level"] == "SEVERE"] == []
