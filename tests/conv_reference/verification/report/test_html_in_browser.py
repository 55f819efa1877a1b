"""The page in a real browser; how long it takes to open is measured in `benchmarks.report`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from chromium import emulate, started
from made_reports import FAULTY, PICTURE, RIGHT, hostile, of_size, pictured
from selenium import webdriver
from selenium.webdriver import ActionChains, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.select import Select
from selenium.webdriver.support.wait import WebDriverWait

from conv_reference.verification.model.picture import Part, Term
from conv_reference.verification.model.result import Report
from conv_reference.verification.report import html

pytestmark = pytest.mark.slow

Open = Callable[[Report], webdriver.Chrome]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    with started(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture
def show(browser: webdriver.Chrome, tmp_path: Path) -> Open:
    emulate(browser)

    def opened(report: Report) -> webdriver.Chrome:
        path = tmp_path / "report.html"
        path.write_text(html.render(report), encoding="utf-8")
        browser.get(path.as_uri())
        return browser

    return opened


def test_the_first_finding_is_open_and_the_keyboard_opens_the_next(show: Open) -> None:
    page = show(FAULTY)
    first, second = findings(page)
    assert first.get_attribute("open") == "true"
    assert second.get_attribute("open") is None

    page.execute_script("arguments[0].focus()", second.find_element(By.TAG_NAME, "summary"))
    ActionChains(page).send_keys(Keys.ENTER).perform()
    assert second.get_attribute("open") == "true"
    assert "no kernel for an empty batch" in second.text


def test_every_control_is_reached_with_the_tabulator(show: Open) -> None:
    page = show(FAULTY)
    reached = []
    for _ in range(30):
        ActionChains(page).send_keys(Keys.TAB).perform()
        reached.append(page.switch_to.active_element.tag_name)

    assert {"a", "summary", "button", "pre", "select", "input"} <= set(reached)


def test_the_keyboard_opens_what_a_check_asserts(show: Open) -> None:
    page = show(FAULTY)
    name = next(s for s in page.find_elements(By.CSS_SELECTOR, ".about summary"))
    words = page.find_element(By.CSS_SELECTOR, "tr.words")
    assert not words.is_displayed()

    page.execute_script("arguments[0].focus()", name)
    ActionChains(page).send_keys(Keys.ENTER).perform()
    assert words.is_displayed()
    assert "It stands for a real fault:" in words.text


def test_a_findings_check_leads_to_what_it_asserts(show: Open) -> None:
    page = show(FAULTY)
    page.find_element(By.CSS_SELECTOR, ".finding a[href='#c2']").click()

    # The page opens it, and moves there, once the browser has told it of the new address.
    WebDriverWait(page, 10).until(lambda _: page.find_elements(By.CSS_SELECTOR, "#c2[open]"))
    WebDriverWait(page, 10).until(lambda _: page.switch_to.active_element.text == "grad_input")


def test_filters_hide_what_is_not_chosen_and_say_what_is_left(show: Open) -> None:
    page = show(FAULTY)
    left = page.find_element(By.ID, "left")

    Select(page.find_element(By.ID, "by-dtype")).select_by_visible_text("float64")
    assert left.text == "1 of 2 findings, 2 of 5 checks"  # the known defect is float32's
    assert [th.text for th in page.find_elements(By.TAG_NAME, "th") if th.is_displayed()][:3] == [
        "check",
        "float64",
        "cases",
    ]

    page.find_element(By.ID, "not-exact").click()
    assert left.text == "1 of 2 findings, 1 of 5 checks"  # forward is exact in float64

    page.execute_script("location.hash = '#f2'")  # a link to what is hidden shows all again
    WebDriverWait(page, 10).until(lambda _: page.find_elements(By.CSS_SELECTOR, "#f2[open]"))
    assert page.find_element(By.ID, "f2").is_displayed()
    assert left.text == "2 of 2 findings, 5 of 5 checks"


def test_a_quantity_is_chosen_with_the_keyboard(show: Open) -> None:
    page = show(FAULTY)
    page.execute_script("document.getElementById('by-quantity').focus()")
    ActionChains(page).send_keys("Y").perform()

    assert [f.get_attribute("id") for f in findings(page) if f.is_displayed()] == ["f2"]


def test_filters_reach_what_waits(show: Open) -> None:
    report = of_size(201)
    (*most, last) = report.findings
    page = show(replace(report, findings=(*most, replace(last, quantity="db", explanation="db"))))
    Select(page.find_element(By.ID, "by-quantity")).select_by_visible_text("db")

    assert [f.get_attribute("id") for f in findings(page) if f.is_displayed()] == ["f201"]


def test_a_wrong_cell_opens_its_finding(show: Open) -> None:
    page = show(FAULTY)
    known = findings(page)[1]
    page.find_element(By.CSS_SELECTOR, "td.known a").click()

    WebDriverWait(page, 10).until(lambda _: known.get_attribute("open") == "true")
    assert page.switch_to.active_element == known.find_element(By.TAG_NAME, "summary")


def test_a_click_copies_the_reproducer(show: Open) -> None:
    page = show(FAULTY)
    page.execute_script(
        "window.got = null;navigator.clipboard.writeText = async (text) => { window.got = text; };"
    )
    button = page.find_element(By.CSS_SELECTOR, ".python .copy")
    page.execute_script("arguments[0].scrollIntoView({block: 'center'})", button)
    button.click()

    assert page.execute_script("return window.got") == FAULTY.findings[1].snippet
    assert button.text == "Copied"


def test_a_findings_derivation_opens_in_a_frame_of_its_own(show: Open) -> None:
    page = show(FAULTY)
    summary = page.find_element(By.CSS_SELECTOR, ".derived summary")
    page.execute_script("arguments[0].focus()", summary)
    ActionChains(page).send_keys(Keys.ENTER).perform()
    frame = WebDriverWait(page, 10).until(lambda _: page.find_element(By.TAG_NAME, "iframe"))
    page.switch_to.frame(frame)

    assert "input 2×2, kernel 1×2" in page.find_element(By.TAG_NAME, "h1").text
    page.find_element(By.CSS_SELECTOR, "#try input").send_keys(
        "dX[0,0] = G[0,0]*K[0,1]", Keys.ENTER
    )
    assert "must be" in page.find_element(By.CSS_SELECTOR, "#try output").text  # its scripts run
    log = page.get_log("browser")  # type: ignore[no-untyped-call]  # selenium has no types here
    assert log == []  # and the policy lets them


DRAWN = replace(FAULTY, findings=(pictured(), *FAULTY.findings))


@pytest.mark.parametrize(
    "report",
    [RIGHT, FAULTY, DRAWN, hostile(), of_size(100)],
    ids=["right", "faulty", "drawn", "hostile", "hundred"],
)
def test_the_page_itself_never_scrolls_sideways(report: Report, show: Open) -> None:
    page = show(report)
    page.execute_script(
        "for (const e of document.querySelectorAll('details:not(.derived)')) e.open = true"
    )
    for width in (320, 400, 900, 1400):
        emulate(page, width)
        wide = page.execute_script("return document.documentElement.scrollWidth")
        assert wide <= width, f"{wide} pixels at {width}"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "selector", [".badge", ".headline", "td.exact", "td.rounded", "td.bad", "td.known a", "mark",
                 ".note", "td small", "li", "dd", "pre", "button", "select", "#left", ".words p",
                 ".map-title", ".derived summary", "figcaption"]
)  # fmt: skip
def test_text_stands_out_from_its_ground(scheme: str, selector: str, show: Open) -> None:
    page = show(FAULTY if selector == "mark" else DRAWN)  # what is drawn has no grids as text
    emulate(page, scheme=scheme)
    page.execute_script("document.querySelector('.about').open = true")
    ink, ground = page.execute_script(
        """
        const element = document.querySelector(arguments[0]);
        let at = element, ground = "";
        while (at && (!ground || ground === "rgba(0, 0, 0, 0)")) {
          ground = getComputedStyle(at).backgroundColor;
          at = at.parentElement;
        }
        return [getComputedStyle(element).color, ground];
        """,
        selector,
    )
    assert contrast(ink, ground) >= 4.5  # WCAG 2, level AA


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_numbers_stand_out_from_the_cells_of_a_picture(scheme: str, show: Open) -> None:
    off = replace(PICTURE.actual, numbers=(("0", "6", "14"),))
    added = Term((("G", (0, 0, 0, 1)),), Part.ADDED)
    picture = replace(PICTURE, actual=off, terms=(added, *PICTURE.terms))
    page = show(replace(FAULTY, findings=(replace(pictured(), picture=picture),)))
    emulate(page, scheme=scheme)
    ink = page.find_element(By.CSS_SELECTOR, "svg text").value_of_css_property("fill")
    grounds = {
        rect.get_attribute("class"): rect.value_of_css_property("fill")
        for rect in page.find_elements(By.CSS_SELECTOR, "figure rect.cell")
    }

    assert {"cell", "cell read", "cell lacking", "cell added", "cell own", "cell off"} <= {*grounds}
    shown = [ground for ground in grounds.values() if ground != "none"]
    assert all(contrast(ink, ground) >= 4.5 for ground in shown)


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    channels = [int(c) / 255 for c in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_dark_and_light_differ(show: Open) -> None:
    page = show(RIGHT)
    grounds = set()
    for scheme in ("light", "dark"):
        emulate(page, scheme=scheme)
        grounds.add(
            page.find_element(By.TAG_NAME, "body").value_of_css_property("background-color")
        )

    assert len(grounds) == 2


def test_no_script_of_the_targets_runs_and_none_is_refused(show: Open) -> None:
    page = show(hostile())

    assert page.execute_script("return document.scripts.length") == 1
    assert page.execute_script("return document.documentElement.className") == "js"
    log = page.get_log("browser")  # type: ignore[no-untyped-call]  # selenium has no types here
    assert log == []  # the policy had nothing to refuse
    assert "<script>alert('&\"')</script>" in page.find_element(By.TAG_NAME, "h1").text


def test_printing_opens_every_finding_and_closes_it_again(show: Open) -> None:
    page = show(FAULTY)
    open_ = "return document.querySelectorAll('.finding[open]').length"
    page.execute_script("dispatchEvent(new Event('beforeprint'))")
    assert page.execute_script(open_) == 2

    page.execute_script("dispatchEvent(new Event('afterprint'))")
    assert page.execute_script(open_) == 1


def test_thousands_of_findings_open_and_wait(show: Open) -> None:
    page = show(of_size(5_000))
    more = page.find_element(By.ID, "more")

    assert page.find_element(By.CSS_SELECTOR, "#findings").text == "Findings 5,000"
    assert count(page) == 200
    page.execute_script("arguments[0].click()", more)
    assert count(page) == 400
    assert more.text == "Show more: 4,600 wait"


def findings(page: webdriver.Chrome) -> list[WebElement]:
    return page.find_elements(By.CSS_SELECTOR, ".finding")


def count(page: webdriver.Chrome) -> int:
    found: int = page.execute_script("return document.querySelectorAll('.finding').length")
    return found


def test_a_button_shows_what_waits_until_nothing_does(show: Open) -> None:
    page = show(of_size(203))
    more = page.find_element(By.ID, "more")
    page.execute_script("arguments[0].click()", more)

    assert not more.is_displayed()
    last = findings(page)[-1]
    assert last.get_attribute("id") == "f203"
    page.execute_script("arguments[0].open = true", last)
    assert "Perhaps row 202 of the upstream gradient is lost." in last.text
    assert len(last.find_elements(By.CSS_SELECTOR, ".copy")) == 2


def test_a_link_shows_and_opens_what_waits(show: Open) -> None:
    page = show(of_size(300))
    page.execute_script("location.hash = '#f250'")
    WebDriverWait(page, 10).until(lambda _: page.find_elements(By.CSS_SELECTOR, "#f250[open]"))

    assert count(page) == 250
    assert "Perhaps row 249 of" in page.find_element(By.ID, "f250").text


def test_printing_shows_what_waits(show: Open) -> None:
    page = show(of_size(300))
    page.execute_script("dispatchEvent(new Event('beforeprint'))")

    assert page.execute_script("return document.querySelectorAll('.finding[open]').length") == 300


def test_hostile_text_waits_as_text(show: Open) -> None:
    (bad, *_) = hostile().findings
    many = tuple(
        replace(bad, geometry=f"h{i} {bad.geometry}", cause="", explanation=f"{i} {bad.grids}")
        for i in range(250)
    )
    page = show(replace(hostile(), findings=many))
    page.execute_script("location.hash = '#f250'")
    WebDriverWait(page, 10).until(lambda _: page.find_elements(By.CSS_SELECTOR, "#f250[open]"))

    shown = page.find_element(By.ID, "f250")
    assert "</pre></script><script>alert('&\"')</script>" in shown.text
    assert shown.find_elements(By.TAG_NAME, "script") == []
    assert page.execute_script("return document.scripts.length") == 2  # ours, and what waits
    log = page.get_log("browser")  # type: ignore[no-untyped-call]  # selenium has no types here
    assert log == []
