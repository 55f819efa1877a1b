"""The page's languages: gettext catalogues beside this module."""

from __future__ import annotations

from gettext import NullTranslations, translation
from pathlib import Path

DOMAIN = "chapter"
LOCALE = Path(__file__).parent / "locale"
# The name of each language, and the direction of its writing.
LANGUAGES = {"en": "ltr", "he": "rtl"}


def translations(language: str) -> NullTranslations:
    """The catalogue of a language; English needs none.

    Raises:
        ValueError: when the language is unknown.
    """
    if language not in LANGUAGES:
        raise ValueError(f"the language must be one of {tuple(LANGUAGES)}, got {language!r}")
    return translation(DOMAIN, LOCALE, languages=[language], fallback=language == "en")
