"""The formats: each module here that defines a function `render`.

A new format is a new file; its name is the format's. It defines::

    SUFFIXES = (".csv",)  # of the files that are written in it; may be left out


    def render(report: Report, view: View = PLAIN) -> str: ...

`view` is how the report is shown, and what a gate puts above it. A format that takes the report
alone is given both in one. What comes from the target (its name, its messages) is hostile until it
is escaped for the format.
"""

from __future__ import annotations

import ast
import inspect
from functools import cache
from importlib import import_module
from importlib.resources import files
from pathlib import PurePath
from typing import Protocol

from conv_reference.verification.model.result import Report
from conv_reference.verification.report.view import PLAIN, View


class Renderer(Protocol):
    """Writes a report in one format."""

    def __call__(self, report: Report, view: View = PLAIN) -> str:
        """The report, shown as the view has it."""


class FormatError(ValueError):
    """A format that is not there; the message is one line."""


def formats() -> tuple[str, ...]:
    """The names of the formats there are.

    Example:
        >>> {"html", "json", "junit", "markdown", "sarif", "text"} <= {*formats()}
        True
    """
    return tuple(_suffixes())


def format_of(name: str | PurePath) -> str | None:
    """The format that a file's name means; None where it means none.

    Example:
        >>> format_of("out/report.HTML"), format_of("report")
        ('html', None)
    """
    suffix = PurePath(name).suffix.lower()
    found = (form for form, suffixes in _suffixes().items() if suffix in suffixes)
    return next(found, None) if suffix else None


def require_format(option: str, name: str | PurePath) -> None:
    """Refuse the name of a file that ends as no format does.

    A name without a suffix means none, and is accepted.

    Raises:
        FormatError: that names the option and the suffixes there are.
    """
    suffix = PurePath(name).suffix
    if suffix and format_of(name) is None:
        known = ", ".join(each for suffixes in _suffixes().values() for each in suffixes)
        raise FormatError(
            f"{option}: no format is named {suffix!r}, got {str(name)!r}; accepted are {known}, "
            "or --format beside it"
        )


def renderer(name: str) -> Renderer:
    """The renderer of a format; only its module is loaded.

    Args:
        name: one of ``formats()``.

    Raises:
        FormatError: when there is no such format.
    """
    if name not in formats():
        raise FormatError(f"format must be one of {', '.join(formats())}, got {name!r}")
    render = import_module(f"{__name__}.{name}").render

    def rendered(report: Report, view: View = PLAIN) -> str:
        if len(inspect.signature(render).parameters) > 1:
            return str(render(report, view))
        return str(render(report if view.top is None else view.top.over(report)))

    return rendered


@cache
def _suffixes() -> dict[str, tuple[str, ...]]:
    """The formats, each with the ends of its files' names: read from the source, not run."""
    found = {}
    for file in sorted(files(__package__).iterdir(), key=lambda file: file.name):
        if not file.name.endswith(".py"):
            continue
        name = file.name.removesuffix(".py")
        body = ast.parse(file.read_text(encoding="utf-8")).body
        if any(isinstance(s, ast.FunctionDef) and s.name == "render" for s in body):
            declared = (s for s in body if isinstance(s, ast.Assign) and _names(s) == ["SUFFIXES"])
            found[name] = next((tuple(ast.literal_eval(s.value)) for s in declared), (f".{name}",))
    return found


def _names(assignment: ast.Assign) -> list[str]:
    return [target.id for target in assignment.targets if isinstance(target, ast.Name)]
