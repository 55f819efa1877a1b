"""How long a browser takes to open the HTML report of no and of 5,000 findings.

python -m benchmarks.report

Wall clock until the page has loaded, and the time of the page's own thread alone, which shows
the page's cost from that of whatever else the machine does.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from statistics import median

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from conv_reference.verification.model.result import CheckResult, Finding, Report, Verdict
from conv_reference.verification.report import html

ROUNDS = 5
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-dev-shm-usage", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)
FINDING = Finding(
    check="grad_input",
    dtype="float32",
    verdict=Verdict.WRONG,
    quantity="dX",
    geometry="",
    layout="contiguous",
    seed=7,
    index=(0, 0, 1, 1),
    expected="17",
    actual="5",
    explanation="dX[0,0,1,1]:\n  should be G[0]·K[1] + G[1]·K[0]\n  is        G[1]·K[0]\n" * 2,
    reproduce="conv-reference verify my_kernels:conv2d --case 'certificate float32 ...' --seed 7",
    snippet="import torch\nimport my_kernels\n"
    + "X = torch.arange(1, 5).reshape((1, 1, 2, 2))\n" * 4,
    cause="Perhaps the last column of the upstream gradient is lost.",
)


def report(count: int) -> Report:
    """One of which no finding goes with another."""
    findings = (
        replace(FINDING, geometry=f"n1 c1 h{i + 2} w2 o1 k1x2 s1 p0 d1 g1", cause=f"Perhaps {i}.")
        for i in range(count)
    )
    check = CheckResult("grad_input", "float32", Verdict.EXACT, 1, None, None)
    return Report("mine:conv", {}, 7, Verdict.ROUNDED, 1, 1, (check,), tuple(findings))


def opened(driver: webdriver.Chrome, page: Path) -> tuple[float, float]:
    """Seconds until the page has loaded, and of its thread."""
    driver.get("about:blank")
    driver.execute_cdp_cmd("Performance.enable", {"timeDomain": "threadTicks"})
    driver.get(page.as_uri())
    metrics = driver.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
    (thread,) = (m["value"] for m in metrics if m["name"] == "TaskDuration")
    loaded = driver.execute_script(
        "return performance.getEntriesByType('navigation')[0].loadEventEnd"
    )
    return loaded / 1e3, thread


def main() -> None:
    options = webdriver.ChromeOptions()
    with tempfile.TemporaryDirectory() as folder:
        for flag in (*FLAGS, f"--user-data-dir={folder}/profile"):
            options.add_argument(flag)
        service = Service(shutil.which("chromedriver") or "")
        with webdriver.Chrome(options=options, service=service) as driver:
            for count in (0, 5_000):
                page = Path(folder) / f"{count}.html"
                page.write_text(html.render(report(count)), encoding="utf-8")
                walls, threads = zip(*(opened(driver, page) for _ in range(ROUNDS)), strict=True)
                size = page.stat().st_size / 1e6
                print(
                    f"{count:>5} findings, {size:4.1f} MB: {median(walls):5.2f} s until loaded, "
                    f"{median(threads):5.2f} s of the page's thread"
                )


if __name__ == "__main__":
    main()
