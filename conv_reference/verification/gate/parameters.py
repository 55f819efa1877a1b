"""What a baseline was made with, beside its seed: every option that is recorded. Needs no torch."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conv_reference.verification import given, options


@dataclass(frozen=True, init=False)
class Parameters:
    """What, beside the seed, cases and their verdicts follow from: the gate repeats it.

    Every option that is recorded, by its keyword of ``verify``:

    >>> Parameters(budget=5.0)["budget"], Parameters()["known"]
    (5.0, 'shipped')
    """

    values: tuple[tuple[str, Any], ...]

    def __init__(self, **given: Any) -> None:
        recorded = {option.keyword: option for option in options.RECORDED}
        unknown = sorted({*given} - {*recorded})
        if unknown:
            raise TypeError(f"no parameter is called {', '.join(unknown)}")
        values = {name: given.get(name, option.default) for name, option in recorded.items()}
        for name, option in recorded.items():
            if option.repeated:
                values[name] = tuple(values[name])
        object.__setattr__(self, "values", tuple(values.items()))

    def __getitem__(self, name: str) -> Any:
        return dict(self.values)[name]

    def but(self, **changes: Any) -> Parameters:
        """The same with some values changed."""
        return Parameters(**dict(self.values) | changes)


def refuse_others(arguments: argparse.Namespace, held: Parameters, path: Path) -> None:
    """Refuse what is asked for and not what the baseline was made with.

    Args:
        arguments: of the command line.
        held: what the baseline was made with.
        path: of the baseline's file.

    Raises:
        ValueError: one line with what was asked for and what was recorded.
    """
    for option in options.RECORDED:
        now_asked = getattr(arguments, option.attribute)
        if option.kind is None and not now_asked:
            continue  # a switch that is not set asks for nothing
        was, now = (_shown(option, value) for value in (held[option.keyword], now_asked))
        if now_asked is not None and was != now:
            raise ValueError(
                f"--{option.flag} {now}: the baseline {path} was made with {was}, and the gate "
                "repeats its cases; leave the option out, or remove the file and make it anew"
            )
    known = held["known"]
    if known not in {options.SHIPPED, options.NONE} and not Path(known).is_file():
        raise ValueError(
            f"the baseline {path} was made with --known {known}: there is no such file here"
        )


def _shown(option: options.Option, value: Any) -> str:
    """A parameter in an error; the order of several names is no difference."""
    if isinstance(value, list | tuple):
        return ", ".join(sorted(value)) or "all"
    return option.unset if value is None else str(value)


def of(arguments: argparse.Namespace) -> Parameters:
    """What a command line asks for."""
    values = {option.keyword: given.value(arguments, option) for option in options.RECORDED}
    if values["budget"] is None and values["cases"] is None:  # the default may be another one day
        values["budget"] = options.DEFAULT_BUDGET
    return Parameters(**values)
