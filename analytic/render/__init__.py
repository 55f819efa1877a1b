"""The formats: each module here whose name has no underscore, with its function `render`.

A new format is a new file; its name is the format's. It defines::

    def render(document: Document, translations: NullTranslations) -> str: ...
"""

from __future__ import annotations

import pkgutil
from gettext import NullTranslations
from importlib import import_module
from typing import Protocol, cast

from analytic.document import Document


class Renderer(Protocol):
    """Writes a document in one format, in the reader's language."""

    def __call__(self, document: Document, translations: NullTranslations) -> str: ...


def formats() -> tuple[str, ...]:
    """The names of the formats there are.

    Example:
        >>> "text" in formats()
        True
    """
    found = (module.name for module in pkgutil.iter_modules(__path__))
    return tuple(sorted(name for name in found if not name.startswith("_")))


def renderer(name: str) -> Renderer:
    """The renderer of a format; only its module is loaded.

    Raises:
        ValueError: There is no such format.
    """
    if name not in formats():
        raise ValueError(f"format must be one of {', '.join(formats())}, not {name!r}")
    return cast("Renderer", import_module(f"{__name__}.{name}").render)
