"""The derivation's page as its reader uses it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chromium import emulate
from selenium import webdriver
from selenium.webdriver import ActionChains
from selenium.webdriver.remote.webelement import WebElement

from analytic import Derivation, Geometry, derive
from analytic.locale import translations
from analytic.render.html import render

Samples = Mapping[str, Any]
Cell = tuple[str, tuple[int, ...]]

STRIDED = derive(Geometry((5, 4), (3, 2), stride=2, padding=1))
GROUPED = derive(Geometry((2, 3), 2, batch=2, in_channels=4, out_channels=2, groups=2, bias=True))

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
        emulate(self.driver, width, scheme, media)

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
