"""``[tool.conv-reference]`` of ``pyproject.toml``: targets, and options that the command then has.

A table is what a command line would have, under the options' own names::

    [tool.conv-reference]
    targets = ["my_conv.py:convolve", "my_kernels:conv2d"]
    dtype = ["float32"]

    [tool.conv-reference.target."my_kernels:conv2d"]
    where = "sh == sw == 1"
    baseline = "conv-baseline.json"

What the command line itself has goes before it. What nobody reads is refused.
"""

from __future__ import annotations

import argparse
import copy
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from conv_reference.verification import options
from conv_reference.verification.options import Option
from conv_reference.verification.reading.nearest import meant

FILE = "pyproject.toml"  # in the current folder, from which the files in it are named, too
_TABLE = "tool.conv-reference"
# They are for one run, and are not what a project is.
_NOT_HERE = {"case", "geometry", "watch", "update-baseline", "accept-regressions", "no-config"}
_OPTIONS = MappingProxyType({o.flag: o for o in options.OPTIONS if o.flag not in _NOT_HERE})
# What is configured for a whole run is no matter of one case, or one geometry, that is given.
_OF_WHOLE_RUNS = frozenset(
    {"baseline", "budget", "cases", "check", "limit", "quick", "skip", "store", "sweep", "xfail"}
)
_SETTLED_BY = MappingProxyType(
    {
        "case": _OF_WHOLE_RUNS | {"dtype"},
        "geometry": _OF_WHOLE_RUNS,
        "in_process": {"workers", "python", "dask"},
        "dask": {"workers", "python"},
    }
)


class ConfigurationError(ValueError):
    """What stands in the file is not accepted; the message is one line."""


@dataclass(frozen=True)
class Configuration:
    """What a project declares of its targets."""

    targets: tuple[str, ...] = ()
    common: Mapping[str, Any] = field(default_factory=dict)  # by flag
    own: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # the same, by target

    def given(self, arguments: argparse.Namespace, target: str) -> argparse.Namespace:
        """The command line for one target, with what the file has where that has nothing.

        Args:
            arguments: as they were parsed.
            target: as the file, or the command line, names it.
        """
        result = copy.copy(arguments)
        result.target = target
        settled = {
            flag
            for settling, flags in _SETTLED_BY.items()
            if getattr(arguments, settling)
            for flag in flags
        }
        for flag, value in {**self.common, **self.own.get(target, {})}.items():
            attribute = _OPTIONS[flag].attribute
            is_given = getattr(arguments, attribute) not in (None, False)  # a list has no hash
            if flag not in settled and not is_given:
                setattr(result, attribute, value)
        return result


def read(path: Path = Path(FILE)) -> Configuration:
    """What the file holds; nothing where there is none, or it has no such table.

    Raises:
        ConfigurationError: when it is no TOML, or has what is not accepted.
        OSError: when it cannot be read.
    """
    if not path.is_file():
        return Configuration()
    try:
        whole = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: {error}") from error
    except RecursionError:
        raise ConfigurationError(f"{path}: nested too deeply") from None
    table = whole.get("tool", {})
    table = table.get("conv-reference", {}) if isinstance(table, dict) else {}
    return _of_table(_table(table, f"{path}: [{_TABLE}]"), str(path))


def _of_table(table: Mapping[str, Any], path: str) -> Configuration:
    place = f"{path}: [{_TABLE}]"
    targets = _texts(table.get("targets", []), f"{place} targets")
    own = _table(table.get("target", {}), f"{path}: [{_TABLE}.target]")
    common = {key: value for key, value in table.items() if key not in {"targets", "target"}}
    read_common = _options(common, place)
    if "baseline" in common and len(targets) != 1:
        raise ConfigurationError(
            f"{place} baseline: a baseline is of one target; accepted is one in "
            f'[{_TABLE}.target."NAME"], or targets with one entry'
        )
    for name in own:
        if name not in targets:
            listed = ", ".join(targets) or "none"
            raise ConfigurationError(
                f'{path}: [{_TABLE}.target."{name}"] is none of its targets; accepted: {listed}'
            )
    return Configuration(
        tuple(targets),
        read_common,
        {
            name: _options(_table(of_one, f'{place}.target."{name}"'), f'{place}.target."{name}"')
            for name, of_one in own.items()
        },
    )


def _options(table: Mapping[str, Any], place: str) -> dict[str, Any]:
    return {flag: _value(_option(flag, place), value, place) for flag, value in table.items()}


def _option(flag: str, place: str) -> Option:
    if flag in _OPTIONS:
        return _OPTIONS[flag]
    if flag in _NOT_HERE:
        raise ConfigurationError(f"{place} {flag}: this is for one run; give it as --{flag}")
    hint = meant(flag, [*_OPTIONS, "targets", "target"]) or f"; accepted are {', '.join(_OPTIONS)}"
    raise ConfigurationError(f"{place} has a key that nobody reads, {flag!r}{hint}")


def _value(option: Option, value: Any, place: str) -> Any:
    """The value, as the command line's would be."""
    name = f"{place} {option.flag}"
    if option.kind is None:
        if not isinstance(value, bool):
            raise ConfigurationError(f"{name}: accepted is true or false, got {value!r}")
        return value
    if option.repeated:
        read_as: Any = [_one(option, each, name) for each in _list(value, name)]
    else:
        read_as = _one(option, value, name)
    try:
        option.require(read_as, option.flag)
    except ValueError as error:
        raise ConfigurationError(f"{place} {error}") from error
    return read_as


def _one(option: Option, value: Any, name: str) -> Any:
    numbers: dict[Any, tuple[type, ...]] = {int: (int,), float: (int, float)}
    accepted = numbers.get(option.kind, (str,))
    written: Any = value
    if isinstance(value, bool) or not isinstance(value, accepted):
        what = {int: "a whole number", float: "a number"}.get(accepted[-1], "a text")
        raise ConfigurationError(f"{name}: accepted is {what}, got {value!r}")
    return written if option.kind is None else option.kind(written)


def _texts(value: Any, name: str) -> list[str]:
    listed = _list(value, name)
    for each in listed:
        if not isinstance(each, str):
            raise ConfigurationError(f"{name}: accepted is a list of texts, got {each!r} in it")
    twice = next((each for each in listed if listed.count(each) > 1), None)
    if twice is not None:
        raise ConfigurationError(f"{name}: {twice!r} stands there twice")
    return listed


def _list(value: Any, name: str) -> list[Any]:
    if not isinstance(value, list):
        raise ConfigurationError(f"{name}: accepted is a list, got {value!r}")
    return value


def _table(value: Any, name: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ConfigurationError(f"{name}: accepted is a table, got {value!r}")
    return value


def targets_of(named: Iterable[str], configuration: Configuration) -> tuple[str, ...]:
    """The targets of the command line, or else those of the file.

    Raises:
        ValueError: when there are none, or one is named twice.
    """
    targets = (*named,) or configuration.targets
    if not targets:
        raise ValueError(
            f"no TARGET is given, and {FILE} has no targets in [{_TABLE}]; accepted is "
            "package.module:attribute or path/file.py:attribute"
        )
    twice = next((each for each in targets if targets.count(each) > 1), None)
    if twice is not None:
        raise ValueError(f"TARGET {twice!r} is given twice")
    return targets
