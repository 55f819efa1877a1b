"""Finds what a page from right to left would scramble: operators outside of isolation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

VOID = frozenset({"meta", "br", "wbr", "img", "hr", "input", "link", "use", "path", "image"})
# Signs that join two operands: the bidirectional algorithm puts the operands in the order of the
# paragraph, so that 1/√K reads K√/1. A sign before a number goes to its other side.
OPERATOR = re.compile(r"[√∂∑Σ∗·×÷=<>≤≥±+−/^]|\d\s*-\s*\d|\d\.\.\d|[²³ᵀ]")
# Isolates and embeddings of left-to-right text, with what is in them.
ISOLATED = re.compile("\u2066[^\u2066\u2069]*\u2069|\u202a[^\u202a\u202c]*\u202c")
HEBREW = re.compile("[\u05d0-\u05ea]")
READ_ALOUD = ("alt", "aria-label", "title")


class Isolation(HTMLParser):
    """Collects each piece of text with an operator to which nothing gives a direction."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[tuple[str, bool]] = []  # tag, whether it runs from left to right
        self.scrambled: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        for name, value in attrs:
            if name in READ_ALOUD and HEBREW.search(value or ""):
                self._look_at(value)
        if tag not in VOID:
            own = dict(attrs).get("dir")
            isolated = own == "ltr" or (own is None and self._isolated)
            self.open.append((tag, isolated or tag in {"style", "script", "title"}))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        # A figure's label takes its direction from its own first letter.
        is_label = any(tag == "svg" for tag, _ in self.open)
        if HEBREW.search(data) if is_label else not self._isolated:
            self._look_at(data)

    @property
    def _isolated(self) -> bool:
        return bool(self.open) and self.open[-1][1]

    def _look_at(self, text: str) -> None:
        if OPERATOR.search(ISOLATED.sub("", text)):
            self.scrambled.append(" ".join(text.split()))


def scrambled(html: str) -> Iterator[str]:
    """The pieces of text that a reader from right to left would see in another order."""
    found = Isolation()
    found.feed(html)
    yield from found.scrambled
