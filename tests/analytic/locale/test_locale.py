"""Every sentence is translated, in the catalogue and on the page."""

from __future__ import annotations

import io
import re
import string
from collections.abc import Callable
from functools import cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

import analytic
from analytic import Geometry, Names, derive
from analytic.calculus.values import Values
from analytic.locale import is_right_to_left, language_of, languages, translations
from analytic.render import renderer
from analytic.telling.document import Document
from analytic.telling.message import _
from analytic.theorem import theorem

SOURCE = Path(analytic.__file__).parent
TRANSLATED = [language for language in languages() if language != "en"]


def catalogue(language: str) -> Catalog:
    path = SOURCE / "locale" / language / "LC_MESSAGES" / "analytic.po"
    with path.open("rb") as file:
        return read_po(file, locale=language)


def marked() -> set[str | tuple[str, ...]]:
    """Every template in the source, a tuple where it has a plural."""
    found = extract_from_dir(SOURCE, [("**.py", "python")], keywords={"_": None, "_n": (1, 2)})
    return {
        message if isinstance(message, str) else tuple(message)
        for _file, _line, message, _comments, _context in found
    }


@pytest.mark.parametrize("language", TRANSLATED)
def test_catalogue_holds_every_template_and_no_other(language: str) -> None:
    known = {
        tuple(message.id) if message.pluralizable else message.id
        for message in catalogue(language)
        if message.id
    }
    assert known == marked()


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_template_is_translated_with_its_own_fields(language: str) -> None:
    for message in catalogue(language):
        if not message.id:
            continue
        assert not message.fuzzy, message.id
        templates = texts(message.id)
        translated = texts(message.string)
        allowed = {field for template in templates for field in fields(template)}
        for text in translated:
            assert text, message.id
            # One is written in words, so the number may be missing; nothing else may.
            assert allowed - {"number"} <= fields(text) <= allowed, text


def texts(given: object) -> list[str]:
    """One text, or those of every number."""
    return [str(text) for text in given] if isinstance(given, list | tuple) else [str(given or "")]


def fields(template: str) -> set[str]:
    return {name for _text, name, _spec, _conversion in string.Formatter().parse(template) if name}


@pytest.mark.parametrize("language", TRANSLATED)
def test_compiled_catalogue_is_that_of_the_readable_one(language: str) -> None:
    expected = io.BytesIO()
    write_mo(expected, catalogue(language))
    expected.seek(0)
    compiled = translations(language)

    assert isinstance(compiled, GNUTranslations)
    assert messages(compiled) == messages(GNUTranslations(expected)), (
        f"run: pybabel compile -D analytic -d analytic/locale -l {language}"
    )


def messages(compiled: GNUTranslations) -> dict[object, str]:
    """What a catalogue holds but for its header, in which babel writes the time."""
    return {key: text for key, text in vars(compiled)["_catalog"].items() if key}


# Made when a test asks for them: each worker collects all tests.
DOCUMENTS: dict[str, Callable[[], Document]] = {
    "everything": lambda: derive(
        Geometry((4, 5), (2, 1), stride=3, padding=(1, 0, 2, 0), dilation=2, batch=2,
                 in_channels=2, out_channels=4, groups=2, bias=True)
    ).document,
    "chapter": lambda: derive(Geometry((2, 3), (1, 2))).document,
    "never seen": lambda: derive(Geometry(5, 1, stride=2)).document,
    "large": lambda: derive(Geometry(20, 3)).document,
    "cropped": lambda: (
        derive(Geometry(2, 1, padding=2), names=Names(all_indices=True)).document
    ),
    "values": lambda: derive(Geometry(2, 1)).with_values(Values.of(Geometry(2, 1), K=[[-1]])),
    "theorem": theorem,
}  # fmt: skip


@cache
def document(name: str) -> Document:
    return DOCUMENTS[name]()


@pytest.mark.parametrize("form", ["text", "html"])
@pytest.mark.parametrize("name", DOCUMENTS)
def test_no_english_is_left_on_the_page(name: str, form: str) -> None:
    """Of Latin letters there are only names: of tensors, keys, a program, and mod."""
    written = renderer(form)(document(name), translations("he"))
    if form == "html":
        written = re.sub(r"<(style|script|math|code)\b.*?</\1>", " ", written, flags=re.DOTALL)
        labels = re.findall(r'aria-label="([^"]*)"', written)
        written = " ".join([re.sub(r"<[^>]*>", " ", written), *labels])

    words = set(re.findall(r"[A-Za-z]{2,}", written))

    assert words <= {"mod", "sympy", "Tab", "Escape", "ltr", "rtl"}


#: What would be read the other way round: signs of operation and relation, and indices.
OPERATORS = re.compile(r"[=+−×÷/≤≥<>≠∂Σ√∣⌊⌋₀-₉\[\]|]|\S·\S|\d-\d")

#: What each format isolates from the direction of the prose around it.
ISOLATED = {
    "text": r"(?!)",
    "markdown": r"\$\$.*?\$\$|\$[^$]*\$",
    "latex": r"\\\[.*?\\\]|\$[^$]*\$|\\begin\{align\*\}.*?\\end\{align\*\}|\\ensuremath\{[^}]*\}",
    "html": r"<(style|script|math)\b.*?</\1>|<(\w+)[^>]*dir=.ltr.[^>]*>.*?</\2>",
}
MARKED = re.compile("[\u2066\u2067][^\u2066-\u2069]*\u2069")  # by signs that are not printed
HEBREW = re.compile(r"[\u0590-\u05ff]")


@pytest.mark.parametrize("form", ISOLATED)
@pytest.mark.parametrize("name", DOCUMENTS)
def test_no_operator_stands_in_hebrew_prose_unless_it_is_isolated(name: str, form: str) -> None:
    """Line by line: a line of mathematics alone has no direction but its own."""
    written = renderer(form)(document(name), translations("he"))
    prose = re.sub(ISOLATED[form], " ", written, flags=re.DOTALL)
    while MARKED.search(prose):  # one within another
        prose = MARKED.sub(" ", prose)
    if form == "html":
        prose = re.sub(r"<[^>]*>", "\n", prose)
    if form == "latex":
        prose = re.sub(r"\\[A-Za-z]+\*?(\[[^]]*\])?", " ", prose.partition(r"\begin{document}")[2])
    wrong = [line for line in prose.splitlines() if HEBREW.search(line) and OPERATORS.search(line)]
    assert wrong == []


@pytest.mark.parametrize(
    ("number", "text"), [(1, "ערוץ קלט אחד"), (2, "שני ערוצי קלט"), (3, "3 ערוצי קלט")]
)
def test_hebrew_has_a_dual(number: int, text: str) -> None:
    geometry = Geometry(2, 1, in_channels=number, out_channels=4)
    printed = renderer("text")(derive(geometry).document, translations("he"))
    assert text in printed


def test_hebrew_keeps_rows_before_columns() -> None:
    """2×3 between Hebrew words would be shown as 3×2 if it were not isolated."""
    printed = renderer("text")(derive(Geometry((2, 3), (1, 2))).document, translations("he"))
    bare = re.sub("\u2066[^\u2066\u2069]*\u2069", "", printed)
    assert "\u20662×3\u2069" in printed
    assert "×" not in bare


def test_languages() -> None:
    assert languages() == ("en", "he")
    assert _("input").translate(translations("en"), str) == "input"
    assert _("input").translate(translations("he"), str) == "קלט"
    assert is_right_to_left(translations("he"))
    assert not is_right_to_left(translations("en"))
    assert language_of(NullTranslations()) == "en"
    with pytest.raises(ValueError, match="^language must be one of en, he, not 'fr'$"):
        translations("fr")
