"""The documentation as a site."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built without a warning."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "--quiet", "--fail-on-warning"]
    done = subprocess.run(
        [*command, str(ROOT / "docs"), str(folder)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


class Page(HTMLParser):
    """What a page names and what it leads to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.names.add(values.get("id") or "")
        if tag == "a" and (link := values.get("href")):
            self.links.append(link)


def own_links(page: Path, read: Page) -> Iterator[tuple[Path, str]]:
    """The file and the place in it that each link within the site leads to."""
    for link in read.links:
        parts = urlsplit(link)
        if not parts.scheme:
            file = page.parent / unquote(parts.path) if parts.path else page
            yield file.resolve(), unquote(parts.fragment)


def test_a_default_that_is_an_options_reads_as_its_value(site: Path) -> None:
    api = (site / "api.html").read_text()

    assert "options." not in re.sub("<.*?>", "", api[api.index("verification.verify") :])


def test_every_link_leads_somewhere(site: Path) -> None:
    pages = {page.resolve(): Page(page.read_text()) for page in site.rglob("*.html")}
    links = [(page, *link) for page, read in pages.items() for link in own_links(page, read)]

    assert len(links) > 1000
    for page, file, place in links:
        assert file.exists(), f"{page.name} leads to {file}"
        assert not place or file not in pages or place in pages[file].names, (page, file, place)


def test_each_page_that_is_written_is_shown(site: Path) -> None:
    written = {p.relative_to(ROOT / "docs").with_suffix(".html") for p in ROOT.glob("docs/**/*.md")}
    shown = {page.relative_to(site) for page in site.rglob("*.html")}
    assert written <= shown
    listed = Page((site / "index.html").read_text()).links
    missing = {page.as_posix() for page in written} - {urlsplit(link).path for link in listed}
    assert missing == {"index.html"}


def test_what_is_public_has_its_docstring_in_the_reference(site: Path) -> None:
    page = Page((site / "api.html").read_text())
    for name in ("verify", "assert_correct", "certify", "load_target", "Report", "Verdict"):
        assert f"conv_reference.verification.{name}" in page.names
    assert "analytic.derive" in page.names
