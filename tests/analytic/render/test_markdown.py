"""Markdown: what a reader of Markdown must leave alone, so that the mathematics arrives."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from gettext import NullTranslations
from typing import Any

from markdown_it import MarkdownIt
from syrupy.assertion import SnapshotAssertion

from analytic.locale import translations
from analytic.render.markdown import render
from analytic.telling.document import Document

Golden = Callable[[str], SnapshotAssertion]
Samples = Mapping[str, Any]

MATHEMATICS = re.compile(r"\$\$.*?\$\$|\$[^$\n]+\$", re.DOTALL)


def test_printout(document: Document, golden: Golden) -> None:
    assert render(document, NullTranslations()) == golden("md")


def test_printout_in_hebrew(samples: Samples, golden: Golden) -> None:
    assert render(samples["chapter"].document(), translations("he")) == golden("md")


def test_mathematics_passes_a_reader_that_knows_nothing_of_it(document: Document) -> None:
    """The worst case: plain CommonMark runs first, and mathematics is looked for in its result.

    So there must be no backslash before punctuation, and nothing that reads as emphasis or as
    the beginning of another block.
    """
    source = render(document, NullTranslations())
    shown = "".join(
        child.content if child.type in {"text", "code_inline"} else "\n"
        for token in MarkdownIt("commonmark").parse(source)
        for child in token.children or ()
        if child.type in {"text", "softbreak", "code_inline"}
    )

    assert [re.sub(r"\s+", " ", part) for part in MATHEMATICS.findall(shown)] == [
        re.sub(r"\s+", " ", part) for part in MATHEMATICS.findall(source)
    ]


def test_every_dollar_has_its_partner(document: Document) -> None:
    rest = MATHEMATICS.sub("", render(document, NullTranslations()))
    assert "$" not in rest


def test_braces_are_balanced_in_every_formula(document: Document) -> None:
    for part in MATHEMATICS.findall(render(document, NullTranslations())):
        assert part.count("{") == part.count("}")
        assert part.count(r"\begin") == part.count(r"\end")
        assert part.count(r"\left") == part.count(r"\right")
