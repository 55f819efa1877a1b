"""Targets by name: ``package.module:attribute`` or ``path/file.py:attribute``."""

from __future__ import annotations

import importlib
import importlib.util
import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from inspect import getattr_static
from pathlib import Path
from types import ModuleType
from typing import Any

from conv_reference.verification.model.errors import TargetError
from conv_reference.verification.model.printable import one_line
from conv_reference.verification.target.answers import message_of, type_name
from conv_reference.verification.target.benchmarks import benchmark_target, is_benchmark
from conv_reference.verification.target.conventions import as_target, called_as_before
from conv_reference.verification.target.names import (
    asked_convention,
    asked_operator,
    lacking,
    require_code,
    split,
)
from conv_reference.verification.target.operators import READINGS
from conv_reference.verification.target.packaged import Packaged, hint, packaged
from conv_reference.verification.target.siblings import begun, find_here, no_arguments
from conv_reference.verification.target.strangers.trials import Trials
from conv_reference.verification.target.target import Target

_MOST_OF_AN_IMPORT = 1000  # characters of what an import throws
_MOST_SECONDS = 0.02  # that a module may take to be executed once more: it is done for each call
_MOST_LOG = 1_000_000  # characters of a compiler's that are searched for its first error


def load_target(
    name: str, found: Callable[[], None] = lambda: None, trials: Trials | None = None
) -> Target:
    """The target that ``package.module:attribute`` or ``path/file.py:attribute`` names.

    Args:
        name: of the target.
        found: called when it is imported, before it is called for the first time.
        trials: of how it is called; see ``as_target``.

    Raises:
        TargetError: when the name has another form, or cannot be imported or called.
    """
    _, operator = asked_operator(name)
    if operator is not None and operator not in READINGS:
        raise TargetError(f"no operator {operator!r}; accepted is one of {', '.join(READINGS)}")
    value = load(name)
    found()
    return target_of(value, name, operator, trials)


def target_of(
    value: Any, name: str, operator: str | None = None, trials: Trials | None = None
) -> Target:
    """What was found under a name, as a target; a benchmark's module is made as it says there.

    Args:
        value: a function, a layer or its class, an adapter, or a module of a benchmark.
        name: as it is reported.
        operator: what it should compute; None leaves that to its name and signature.
        trials: of how it is called; see ``as_target``.

    Raises:
        TargetError: when it cannot be called.
    """
    fixed = asked_convention(name)
    if is_benchmark(value):
        return benchmark_target(value, name, operator, fixed, trials)
    return as_target(value, name=name, operator=operator, convention=fixed, trials=trials)


def load(name: str) -> Any:
    """Import what ``package.module:attribute`` or ``path/file.py:attribute`` names.

    Raises:
        TargetError: when the name has another form, or cannot be imported.
    """
    place, attribute = split(name)
    value: Any = _import(place)
    for part in attribute.split("."):
        try:
            value = getattr(value, part)
        except AttributeError:
            raise TargetError(lacking(name, place, part, _possible(value))) from None
    return value


def _possible(owner: Any) -> list[str]:
    """The names in a module or class that may be of a target: modules that it imports are none."""
    return [
        name for name in dir(owner) if not isinstance(getattr_static(owner, name, None), ModuleType)
    ]


def loaded_anew(target: Target) -> Target:
    """The target of its module, executed once more, called as it was found to be.

    Raises:
        TargetError: when it cannot be executed twice.
    """
    value, name = load_anew(target.name), target.name
    if not is_benchmark(value):
        return called_as_before(value, target)
    fixed = asked_convention(name) or target.convention or None  # it is not searched for again
    again = benchmark_target(value, name, asked_operator(name)[1], fixed)
    return replace(again, name=name)


@lru_cache(maxsize=16)
def loads_quickly(name: str) -> bool:
    """Whether the module of a target's name can be executed once more, and in a moment."""
    begun = time.thread_time()
    with suppress(TargetError):  # else it cannot be loaded twice
        load_anew(name)
        return time.thread_time() - begun <= _MOST_SECONDS
    return False


def load_anew(name: str) -> Any:
    """What a name leads to in a module that is executed once more, beside the imported one.

    Raises:
        TargetError: when it cannot be executed twice.
    """
    place, attribute = split(name)
    try:
        value: Any = _executed(place)
        for part in attribute.split("."):
            value = getattr(value, part)
    except (Exception, SystemExit) as error:
        raise TargetError(_said(place, error)) from error
    return value


def _executed(place: str) -> ModuleType:
    is_file = place.endswith(".py")
    spec = packaged(Path(place)).spec if is_file else importlib.util.find_spec(place)
    assert spec is not None and spec.loader is not None  # it was imported before  # noqa: PT018
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def load_module(place: str) -> ModuleType:
    """Import ``package.module`` or ``path/file.py``.

    Raises:
        TargetError: when it is not there, or cannot be imported.
    """
    require_code(place)
    if place.endswith(".py") and not Path(place).is_file():
        raise TargetError(f"cannot import {place!r}: no such file")
    return _import(place)


def _import(place: str) -> ModuleType:
    if not place.endswith(".py") and not all(map(str.isidentifier, place.split("."))):
        raise TargetError(f"cannot import {place!r}: accepted is package.module or path/file.py")
    found = packaged(Path(place)) if place.endswith(".py") else None
    try:
        if found is not None:
            return _import_file(Path(place), found)
        find_here(place.partition(".")[0])
        return importlib.import_module(place)
    except (Exception, SystemExit) as error:
        alone = "" if found is None else found.alone
        raise TargetError(_said(place, error, alone)) from error


# What compilers begin a line with: gcc's and clang's file:1:2, nvcc's file(1), a linker's file:.
_OF_A_COMPILER = re.compile(
    r"(?P<place>[^\s:]+?)(?P<line>:\d+(?::\d+)?|\(\d+\))?: "
    r"(?P<said>(?:fatal )?error: .*|undefined reference to .*)"
)


def _said(place: str, error: BaseException, alone: str = "") -> str:
    """In one line why a file is not imported; of what does not compile the first error.

    Args:
        place: its module or file.
        error: that it raised.
        alone: why it was imported without its package, if it was.
    """
    text = message_of(error, _MOST_LOG)
    found = next(filter(None, map(_OF_A_COMPILER.search, text.splitlines())), None)
    if found is not None and "building extension" in text:
        where = f"{Path(found['place']).name}{found['line'] or ''}"
        return f"cannot compile {place!r}: {one_line(f'{where}: ' + found['said'])}"
    said = f"{type_name(error)}: {text}{hint(error, Path(place), alone)}{_elsewhere(place, error)}"
    return f"cannot import {place!r}: {one_line(said[:_MOST_OF_AN_IMPORT])}"


def _elsewhere(place: str, error: BaseException) -> str:
    """That a framework with an adapter of ours is in an environment of its own; else empty."""
    if not place.startswith("conv_reference.adapters.") or not isinstance(error, ImportError):
        return ""
    return "; --python names the interpreter of an environment that has it: see docs/frameworks.md"


def _import_file(path: Path, found: Packaged) -> ModuleType:
    if found.is_in_package:
        with no_arguments(path):
            return importlib.import_module(found.spec.name)
    with begun(path, found.spec) as module:
        assert found.spec.loader is not None  # a .py file has one
        found.spec.loader.exec_module(module)
    return module
