"""The formats: each module here whose name has no underscore, with its function `render`.

A new format is a new file; its name is the format's. It defines::

    def render(document: Document, translations: NullTranslations) -> str: ...

and, where the format can be included in a document of the reader's, `fragment` alike.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from gettext import NullTranslations
from importlib import import_module
from typing import TypeAlias, cast

from analytic.telling.document import Document

#: Writes a document in one format, in the reader's language.
Renderer: TypeAlias = Callable[[Document, NullTranslations], str]


class FormatError(ValueError):
    """A format that is not there, or that cannot do what is asked; the message is one line."""


def formats() -> tuple[str, ...]:
    """The names of the formats there are.

    Example:
        >>> formats()
        ('html', 'json', 'latex', 'markdown', 'notebook', 'text')
    """
    found = (module.name for module in pkgutil.iter_modules(__path__))
    return tuple(sorted(name for name in found if not name.startswith("_")))


def renderer(name: str, *, fragment: bool = False) -> Renderer:
    """The renderer of a format; only its module is loaded.

    Args:
        name: One of `formats`.
        fragment: Ask for what can be included in a document, not for a whole one.

    Raises:
        FormatError: There is no such format, it knows no fragments, or a library is missing.
    """
    if name not in formats():
        raise FormatError(f"format must be one of {', '.join(formats())}, not {name!r}")
    try:
        module = import_module(f"{__name__}.{name}")
    except ModuleNotFoundError as error:
        library = (error.name or "a library").partition(".")[0]
        raise FormatError(
            f"the format {name} needs {library}, which is missing here: pip install {library}"
        ) from error
    found = getattr(module, "fragment" if fragment else "render", None)
    if found is None:
        raise FormatError(f"the format {name} is always a whole document; fragments are latex's")
    return cast("Renderer", found)
