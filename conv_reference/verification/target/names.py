"""How a target is named, and where its source is: read without importing it, or torch."""

from __future__ import annotations

import sys
from importlib.machinery import PathFinder
from importlib.util import find_spec
from pathlib import Path

from conv_reference.verification.model.errors import TargetError


def asked_operator(name: str) -> tuple[str, str | None]:
    """A target's name, and the operator that it is to be read as.

    >>> asked_operator("my_conv.py:up@conv_transpose2d")
    ('my_conv.py:up', 'conv_transpose2d')
    """
    plain, separator, operator = name.rpartition("@")
    return (plain, operator) if separator and ":" not in operator else (name, None)


def read_as(name: str, operator: str | None) -> str:
    """The name of a target that is to be read as an operator; None leaves that to the target."""
    return name if operator is None else f"{asked_operator(name)[0]}@{operator}"


def split(name: str) -> tuple[str, str]:
    """The module or file, and the attribute in it, of ``package.module:attribute``.

    Raises:
        TargetError: when the name has another form, or its file is not there.
    """
    place, separator, attribute = asked_operator(name)[0].rpartition(":")
    if not separator or not place or not attribute:
        raise TargetError(
            f"not a target: {name!r}; accepted is package.module:attribute "
            "or path/file.py:attribute"
        )
    if place.endswith(".py") and not Path(place).is_file():
        raise TargetError(f"cannot import {place!r}: no such file")
    return place, attribute


def require_found(name: str) -> None:
    """Refuse a module that is not there, without importing anything.

    Raises:
        TargetError: when no module has the name's first part.
    """
    place, _ = split(name)
    first = place.partition(".")[0]
    if place.endswith(".py") or first in sys.modules:
        return
    sys.path.insert(0, str(Path.cwd()))
    try:
        if find_spec(first) is None:
            raise TargetError(
                f"cannot import {place!r}: ModuleNotFoundError: No module named {first!r}"
            )
    finally:
        sys.path.pop(0)


def source_of(name: str) -> Path | None:
    """The file that a target's name leads to, where it can be told without running anything."""
    place, _ = split(name)
    if place.endswith(".py"):
        return Path(place)
    folders, source = [str(Path.cwd()), *sys.path], None
    for part in place.split("."):
        spec = PathFinder.find_spec(part, folders)
        if spec is None:
            return None
        folders, source = list(spec.submodule_search_locations or ()), spec.origin
    return None if source is None else Path(source)
