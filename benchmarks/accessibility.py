"""What axe-core finds in each page, in Chromium: light and dark, narrow and wide.

``make accessibility`` fetches axe-core from npm and runs this. Pages of a derivation and of reports
are made here; further ones, as that of the chapter or of the site, are given by name. Ends with 1
where a rule is violated, or a page is wider than its window.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from selenium import webdriver

from analytic import derive, parse_geometry
from analytic.locale import translations
from analytic.render import renderer
from analytic.theorem import theorem
from conv_reference.verification import verify
from conv_reference.verification.conformance.read_report import run_of
from conv_reference.verification.conformance.rendering import rendered
from conv_reference.verification.model.result import Report
from conv_reference.verification.report import html, json

LOOKS = (("light", 400), ("light", 900), ("light", 1400), ("dark", 400), ("dark", 900))
GEOMETRIES = ("h2 w3 k1x2", "c2 h5 w4 o2 k3x2 s2 p1")
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking")
OPEN = "for (const e of document.querySelectorAll('details:not(.derived)')) e.open = true"
OVER = "const r = document.documentElement; return r.scrollWidth - r.clientWidth"
_PATIENCE = 300  # seconds for one look at a page, on a busy machine
ASK = "axe.run({resultTypes: ['violations'], iframes: false}).then(arguments[0])"


def main(arguments: Sequence[str]) -> int:
    """The script of axe-core, and further pages."""
    script, *further = arguments
    axe = Path(script).read_text(encoding="utf-8")
    driver = shutil.which("chromedriver")
    if driver is None:  # selenium would fetch one
        sys.exit("benchmarks.accessibility: there is no chromedriver on this machine")
    options = webdriver.ChromeOptions()
    for flag in FLAGS:
        options.add_argument(flag)
    bad = 0
    with tempfile.TemporaryDirectory() as folder, _browser(options, driver) as browser:
        for page in (*_made(Path(folder)), *map(Path, further)):
            for scheme, width in LOOKS:
                found = [*_looked_at(browser, page, axe, scheme, width)]
                print(f"{page.name}, {scheme}, {width}: {'; '.join(found) or 'nothing'}")
                bad += len(found)
    return int(bad > 0)


def _browser(options: webdriver.ChromeOptions, driver: str) -> webdriver.Chrome:
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    browser.set_script_timeout(_PATIENCE)
    return browser


def _looked_at(
    browser: webdriver.Chrome, page: Path, axe: str, scheme: str, width: int
) -> Iterator[str]:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    browser.get(page.resolve().as_uri())
    browser.execute_script(OPEN)
    over = browser.execute_script(OVER)
    if over > 0:
        yield f"{over} pixels too wide"
    browser.execute_script(axe)
    answer: dict[str, Any] = browser.execute_async_script(ASK)
    for violation in answer["violations"]:
        where = violation["nodes"][0]["target"]
        yield f"{violation['id']} ({violation['impact']}, {len(violation['nodes'])}: {where})"


def _made(folder: Path) -> Iterator[Path]:
    write = renderer("html")
    for language in ("en", "he"):
        words = translations(language)
        documents = [derive(parse_geometry(text)).document for text in GEOMETRIES]
        for number, document in enumerate([*documents, theorem()]):
            yield _written(folder / f"derivation-{number}-{language}.html", write(document, words))
    reports = {}
    for name, implementation in (("right", torch.conv2d), ("wrong", _second_channel)):
        reports[name] = verify(implementation, dtypes=[torch.float32], budget=1.0, seed=0)
        yield _written(folder / f"report-{name}.html", html.render(reports[name]))
    yield _written(folder / "report-hundred.html", html.render(_hundredfold(reports["wrong"])))
    runs = [run_of(json.content(report)) for report in reports.values()]
    yield _written(folder / "frameworks.html", rendered(runs, "html"))


def _hundredfold(report: Report) -> Report:
    """As if its first finding had been made in a hundred ways."""
    first = report.findings[0]
    many = (
        replace(first, check=f"check {number}", explanation=f"{first.explanation} {number}")
        for number in range(100)
    )
    return replace(report, findings=tuple(replace(f, fault=n) for n, f in enumerate(many, 1)))


def _written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def _second_channel(
    input: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None
) -> torch.Tensor:
    """Every second column of the second channel is another number."""
    Y = torch.conv2d(input, weight, bias).clone()
    Y[:, 1:2, :, ::2] += 1
    return Y


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
