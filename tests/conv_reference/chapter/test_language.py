from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

import conv_reference.chapter
from conv_reference.chapter.language import LANGUAGES, LOCALE, translations

ROOM = Path(conv_reference.chapter.__file__).parent
FOREIGN = [language for language in LANGUAGES if language != "en"]


def templates() -> set[str]:
    """Every sentence that is marked for translation, as the standard tool finds it."""
    methods = [("**.py", "python"), ("templates/**.html", "jinja2")]
    options = {"**.html": {"trimmed": "true"}, "templates/**.html": {"trimmed": "true"}}
    return {str(message) for _, _, message, *_ in extract_from_dir(ROOM, methods, options)}


def catalogue(language: str) -> Catalog:
    content = (LOCALE / language / "LC_MESSAGES" / "chapter.po").read_bytes()
    return read_po(io.BytesIO(content), locale=language)


def holes(text: str) -> set[str]:
    return set(re.findall(r"%\(\w+\)s|\{\w+\}", text))


@pytest.mark.parametrize("language", FOREIGN)
def test_every_sentence_is_translated_and_none_is_left_over(language: str) -> None:
    wanted = templates()
    assert len(wanted) > 150
    assert {message.id for message in catalogue(language) if message.id} == wanted
    assert not [message.id for message in catalogue(language) if message.id and not message.string]
    assert not [message.id for message in catalogue(language) if message.id and message.fuzzy]


@pytest.mark.parametrize("language", FOREIGN)
def test_a_translation_keeps_the_holes_of_its_sentence(language: str) -> None:
    for message in catalogue(language):
        if message.id:
            assert holes(str(message.string)) == holes(str(message.id)), message.id


@pytest.mark.parametrize("language", FOREIGN)
def test_the_compiled_catalogue_is_that_of_the_source(language: str) -> None:
    """`pybabel compile -d conv_reference/chapter/locale -D chapter` makes it."""
    compiled = read_mo(io.BytesIO((LOCALE / language / "LC_MESSAGES" / "chapter.mo").read_bytes()))
    assert {m.id: m.string for m in compiled if m.id} == {
        m.id: m.string for m in catalogue(language) if m.id
    }


def test_english_needs_no_catalogue_and_another_language_is_refused() -> None:
    assert translations("en").gettext("Cost") == "Cost"
    assert translations("he").gettext("Cost") == "עלות"
    with pytest.raises(ValueError, match="the language must be one of .*, got 'tlh'"):
        translations("tlh")
