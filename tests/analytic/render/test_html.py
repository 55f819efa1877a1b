"""The page as a file: whole, well formed, and in need of nothing from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Mapping
from gettext import NullTranslations
from html.parser import HTMLParser
from typing import Any

import pytest
from sympy import Symbol

from analytic.locale import languages, translations
from analytic.render.html import mathml, render
from analytic.telling.document import Document, Paragraph, Step
from analytic.telling.message import _

Samples = Mapping[str, Any]

VOID = {"input", "meta", "wbr", "link", "br", "img", "mspace", "mprescripts"}


class Balanced(HTMLParser):
    """Notes elements that are not closed in the order in which they were opened, and ids."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.ids: list[str] = []
        self.references: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.ids += [str(given["id"])] if "id" in given else []
        for name in ("aria-labelledby", "aria-describedby"):
            self.references += str(given.get(name) or "").split()
        self.addresses += [str(given[name]) for name in ("src", "href") if name in given]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Closed in itself, as MathML may be."""

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


def parsed(page: str) -> Balanced:
    parser = Balanced()
    parser.feed(page)
    return parser


PAGES: dict[tuple[int, str], str] = {}  # by the document, which the conftest keeps, and language


def page_of(document: Document, language: str) -> str:
    """Its page, written once for all tests."""
    key = id(document), language
    if key not in PAGES:
        PAGES[key] = render(document, translations(language))
    return PAGES[key]


@pytest.mark.parametrize("language", languages())
def test_page_is_well_formed(document: Document, language: str) -> None:
    found = parsed(page_of(document, language))

    assert found.wrong == []
    assert found.open == []
    assert len(found.ids) == len(set(found.ids))
    assert set(found.references) <= set(found.ids)


def test_page_needs_nothing_from_elsewhere(document: Document) -> None:
    page = page_of(document, "en")
    addresses = re.findall(r"\w+://[^\s\"'<]+", page)

    assert set(addresses) <= {"http://www.w3.org/1998/Math/MathML"}  # a name, not an address
    assert all(address.startswith("#") for address in parsed(page).addresses)
    assert "@import" not in page
    assert "url(" not in page


def test_every_latex_command_became_mathml(document: Document) -> None:
    """What latex2mathml does not know it passes on as it is."""
    page = page_of(document, "en")
    mathematics = re.findall(r"<math.*?</math>", page, re.DOTALL)

    assert mathematics
    assert [part for part in mathematics if "\\" in part] == []


@pytest.mark.parametrize(
    ("latex", "sign"),
    [
        (r"\sum_{i=0}^{1} G_{i}", "munderover"),
        (r"\left\lfloor \frac{o}{2} \right\rfloor", "&#x0230A;"),
        (r"c \bmod 2", "mod"),
        (r"\begin{cases} a & \text{if } b \\ 0 & \text{otherwise} \end{cases}", "mtable"),
        (r"\delta_{a,b}", "&#x003B4;"),
        (r"a \le b", "&#x02264;"),
        (r"\mathit{Up}_{0,1}", "msub"),
    ],
)
def test_signs_of_the_derivation_are_known(latex: str, sign: str) -> None:
    written = mathml(latex)

    assert sign in written
    assert "\\" not in written


def test_prose_is_escaped() -> None:
    step = Step(_("<b>"), (Paragraph(_("1 < 2 & {x}", x=Symbol("X_{0,1}"))),))
    page = render(Document(_('"title"'), (step,)), NullTranslations())

    assert "<title>&#34;title&#34;</title>" in page
    assert "<b>" not in page
    assert "1 &lt; 2 &amp; <math" in page


def test_no_line_of_the_facts_begins_with_their_separator(samples: Samples) -> None:
    facts = re.findall(
        r"<p class=.facts.>(.*?)</p>", page_of(samples["strided and padded"].document(), "en")
    )

    assert facts[0].count(" ·</span> <span>") == facts[0].count("<span>") - 1 > 0


def test_language_and_direction_are_declared(samples: Samples) -> None:
    document = samples["chapter"].document()

    assert '<html lang="en" dir="ltr">' in page_of(document, "en")
    assert '<html lang="he" dir="rtl">' in page_of(document, "he")


def test_large_shapes_stay_small_enough_for_a_phone(samples: Samples) -> None:
    assert len(page_of(samples["large"].document(), "en")) < 1_000_000
