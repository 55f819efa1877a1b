"""A derivation as a notebook shows it: a page within the page, in a real browser."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from analytic import Geometry, derive

pytestmark = pytest.mark.slow

FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")


def test_the_frame_holds_the_page_and_follows_its_own_links(tmp_path: Path) -> None:
    notebook = tmp_path / "notebook.html"
    frame = derive(Geometry((2, 3), (1, 2)))._repr_html_()
    notebook.write_text(f"<!DOCTYPE html><title>notebook</title>{frame}", encoding="utf-8")
    options = webdriver.ChromeOptions()
    options.binary_location = str(shutil.which("chromium") or shutil.which("google-chrome"))
    for flag in FLAGS:
        options.add_argument(flag)
    driver = webdriver.Chrome(options, Service(shutil.which("chromedriver")))
    try:
        driver.get(notebook.as_uri())
        driver.switch_to.frame(driver.find_element(By.TAG_NAME, "iframe"))
        title = "The gradients of a convolution: input 2×3, kernel 1×2"
        assert driver.find_element(By.TAG_NAME, "h1").text == title
        link = driver.find_elements(By.CSS_SELECTOR, "a[href^='#']")[-1]
        driver.execute_script("arguments[0].click()", link)
        WebDriverWait(driver, 20).until(lambda d: d.execute_script("return scrollY > 0"))
        assert driver.find_element(By.TAG_NAME, "h1").text == title
        assert driver.find_elements(By.CSS_SELECTOR, "#picture [role=gridcell]")
    finally:
        driver.quit()
