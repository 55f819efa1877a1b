"""The languages there are: each folder here with a compiled catalogue, and English."""

from __future__ import annotations

from gettext import NullTranslations, translation
from pathlib import Path

_HERE = Path(__file__).parent
_DOMAIN = "analytic"
ENGLISH = "en"  # the language of the templates
_RIGHT_TO_LEFT = frozenset({"ar", "fa", "he", "ur", "yi"})


def languages() -> tuple[str, ...]:
    """The codes of the languages, English first.

    Example:
        >>> languages()
        ('en', 'he')
    """
    found = sorted(path.parts[-3] for path in _HERE.glob(f"*/LC_MESSAGES/{_DOMAIN}.mo"))
    return ENGLISH, *found


def translations(language: str) -> NullTranslations:
    """The catalogue of a language.

    Raises:
        ValueError: There is no such language.
    """
    if language not in languages():
        raise ValueError(f"language must be one of {', '.join(languages())}, not {language!r}")
    if language == ENGLISH:
        return NullTranslations()
    return translation(_DOMAIN, _HERE, [language])


def language_of(catalogue: NullTranslations) -> str:
    """The code of the language into which a catalogue translates."""
    return catalogue.info().get("language", ENGLISH)


def is_right_to_left(catalogue: NullTranslations) -> bool:
    """Whether the catalogue's language is written from right to left."""
    return language_of(catalogue) in _RIGHT_TO_LEFT
