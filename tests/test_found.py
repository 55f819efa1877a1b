"""The gallery of findings: each has its line, and each line its page."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

FOUND = Path(__file__).parent.parent / "docs" / "found"
SCRIPTS = sorted(FOUND.glob("0*.py"))


def test_each_finding_has_one_line_of_the_gallery() -> None:
    gallery = (FOUND / "README.md").read_text("utf-8")
    lines = re.findall(r"^- \[(\d{4})\]\((\d{4})-[\w-]+\.md\): .+\.$", gallery, re.MULTILINE)
    links = Counter(re.findall(r"\]\((\d{4}-[\w-]+\.md)\)", gallery))

    assert links == Counter(page.name for page in FOUND.glob("0*.md"))
    assert len(lines) == len(links)
    assert all(number == of for number, of in lines)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem[:4])
def test_whether_a_defect_shows_is_the_exit_status_of_its_script(script: Path) -> None:
    source = script.read_text("utf-8")
    assert "\ndef main() -> int:\n" in source
    assert re.search(r'\nif __name__ == "__main__":\n(    .*\n)* +sys\.exit\(main\(\)\)\n$', source)


@pytest.mark.parametrize("page", sorted(FOUND.glob("0*.md")), ids=lambda path: path.stem[:4])
def test_each_page_says_what_is_known_of_it_in_public(page: Path) -> None:
    (said,) = re.findall(r"^\*\*Reported\.\*\* (.+)$", page.read_text("utf-8"), re.MULTILINE)
    assert not re.search(r"not looked", said, re.IGNORECASE)
