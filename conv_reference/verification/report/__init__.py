"""The formats: each module here whose name has no underscore, with its function `render`.

A new format is a new file; its name is the format's. It defines::

    def render(report: Report) -> str: ...

What comes from the target (its name, its messages) is hostile until it is escaped for the format.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from importlib import import_module
from typing import TypeAlias, cast

from conv_reference.verification.model.result import Report

#: Writes a report in one format.
Renderer: TypeAlias = Callable[[Report], str]


class FormatError(ValueError):
    """A format that is not there; the message is one line."""


def formats() -> tuple[str, ...]:
    """The names of the formats there are.

    Example:
        >>> formats()
        ('html', 'json', 'junit', 'markdown', 'text')
    """
    found = (module.name for module in pkgutil.iter_modules(__path__))
    return tuple(sorted(name for name in found if not name.startswith("_")))


def renderer(name: str) -> Renderer:
    """The renderer of a format; only its module is loaded.

    Args:
        name: one of ``formats()``.

    Raises:
        FormatError: when there is no such format.
    """
    if name not in formats():
        raise FormatError(f"format must be one of {', '.join(formats())}, got {name!r}")
    return cast("Renderer", import_module(f"{__name__}.{name}").render)
