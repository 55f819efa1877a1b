"""The gallery of findings: each has its line, and each line its page."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

FOUND = Path(__file__).parent.parent / "docs" / "found"


def test_each_finding_has_one_line_of_the_gallery() -> None:
    gallery = (FOUND / "README.md").read_text("utf-8")
    lines = re.findall(r"^- \[(\d{4})\]\((\d{4})-[\w-]+\.md\): .+\.$", gallery, re.MULTILINE)
    links = Counter(re.findall(r"\]\((\d{4}-[\w-]+\.md)\)", gallery))

    assert links == Counter(page.name for page in FOUND.glob("0*.md"))
    assert len(lines) == len(links)
    assert all(number == of for number, of in lines)
