"""Prose as data: an English template with its values, translated where it is printed.

Mark every template with `_` or `_n` and write it as a literal, so that the standard tools find
it: ``pybabel extract -k _ -k _n:1,2 analytic``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from gettext import NullTranslations
from typing import Any, TypeAlias

#: What fills a template: text, a number, another message, or mathematics, which only the
#: renderer knows how to write.
Value: TypeAlias = Any


@dataclass(frozen=True)
class Message:
    """A sentence to be translated."""

    msgid: str  # the English template, in the notation of str.format
    values: tuple[tuple[str, Value], ...] = ()  # what fills the template
    plural: str | None = None  # the English template for other numbers than one
    number: int = 1  # the number that picks the plural form

    def translate(self, translations: NullTranslations, mathematics: Callable[[Value], str]) -> str:
        """The sentence in the reader's language.

        Args:
            translations: From `gettext`; ``NullTranslations()`` leaves English.
            mathematics: Writes a value that is neither text, number nor message.
        """

        def write(value: Value) -> str:
            if isinstance(value, Message):
                return value.translate(translations, mathematics)
            return str(value) if isinstance(value, str | int) else mathematics(value)

        template = (
            translations.gettext(self.msgid)
            if self.plural is None
            else translations.ngettext(self.msgid, self.plural, self.number)
        )
        return template.format(**{name: write(value) for name, value in self.values})


def _(msgid: str, /, **values: Value) -> Message:
    """Mark a template for translation.

    Example:
        >>> _("{size} input", size="2×3").translate(NullTranslations(), str)
        '2×3 input'
    """
    return Message(msgid, tuple(values.items()))


def _n(singular: str, plural: str, number: int, /, **values: Value) -> Message:
    """Mark a template with a plural form; ``{number}`` is filled too.

    Example:
        >>> _n("{number} term", "{number} terms", 2).translate(NullTranslations(), str)
        '2 terms'
    """
    return Message(singular, (("number", number), *values.items()), plural, number)
