"""Targets by name: ``package.module:attribute`` or ``path/file.py:attribute``."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import Any

from conv_reference.verification.model.errors import TargetError
from conv_reference.verification.target.conventions import as_target
from conv_reference.verification.target.names import split
from conv_reference.verification.target.target import Target


def load_target(name: str) -> Target:
    """Import what ``package.module:attribute`` or ``path/file.py:attribute`` names.

    Raises:
        TargetError: when the name has another form, or cannot be imported or called.
    """
    place, attribute = split(name)
    value: Any = _import(place)
    for part in attribute.split("."):
        try:
            value = getattr(value, part)
        except AttributeError:
            near = get_close_matches(part, dir(value), n=1)
            nearest = f"; nearest: {near[0]}" if near else ""
            raise TargetError(f"cannot import {name!r}: {place} has no {part!r}{nearest}") from None
    return as_target(value, name=name)


def _import(place: str) -> ModuleType:
    try:
        if place.endswith(".py"):
            return _import_file(Path(place))
        if "" not in sys.path and str(Path.cwd()) not in sys.path:
            sys.path.insert(0, str(Path.cwd()))
        return importlib.import_module(place)
    except TargetError:
        raise
    except (Exception, SystemExit) as error:
        cause = " ".join(f"{type(error).__name__}: {error}".split())
        raise TargetError(f"cannot import {place!r}: {cause}") from error


def _import_file(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None  # a .py file has both  # noqa: PT018
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    # Its own neighbours, as when Python runs a file.
    sys.path.insert(0, str(path.resolve().parent))
    spec.loader.exec_module(module)
    return module
