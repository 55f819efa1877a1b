"""A derivation as a notebook shows it: a page within the page, in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from chromium import started
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from analytic import Geometry, derive

pytestmark = pytest.mark.slow


def test_the_frame_holds_the_page_and_follows_its_own_links(tmp_path: Path) -> None:
    notebook = tmp_path / "notebook.html"
    frame = derive(Geometry((2, 3), (1, 2)))._repr_html_()
    notebook.write_text(f"<!DOCTYPE html><title>notebook</title>{frame}", encoding="utf-8")
    with started(tmp_path / "profile") as driver:
        driver.get(notebook.as_uri())
        driver.switch_to.frame(driver.find_element(By.TAG_NAME, "iframe"))
        title = "The gradients of a convolution: input 2×3, kernel 1×2"
        assert driver.find_element(By.TAG_NAME, "h1").text == title
        link = driver.find_elements(By.CSS_SELECTOR, "a[href^='#']")[-1]
        driver.execute_script("arguments[0].click()", link)
        WebDriverWait(driver, 20).until(lambda d: d.execute_script("return scrollY > 0"))
        assert driver.find_element(By.TAG_NAME, "h1").text == title
        assert driver.find_elements(By.CSS_SELECTOR, "#picture [role=gridcell]")
