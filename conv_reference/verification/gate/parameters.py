"""What a baseline was made with, beside its seed: every option that is recorded. Needs no torch."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
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
    recorded: tuple[options.Option, ...]  # of which these are the values

    def __init__(
        self, recorded: Sequence[options.Option] = options.RECORDED, /, **given: Any
    ) -> None:
        unknown = sorted({*given} - {option.keyword for option in recorded})
        if unknown:
            raise TypeError(f"no parameter is called {', '.join(unknown)}")
        values = {option.keyword: given.get(option.keyword, option.default) for option in recorded}
        for option in recorded:
            if option.repeated:
                values[option.keyword] = tuple(values[option.keyword])
        object.__setattr__(self, "values", tuple(values.items()))
        object.__setattr__(self, "recorded", tuple(recorded))

    def __getitem__(self, name: str) -> Any:
        return dict(self.values)[name]

    def but(self, **changes: Any) -> Parameters:
        """The same with some values changed."""
        return Parameters(self.recorded, **dict(self.values) | changes)


def refuse_others(arguments: argparse.Namespace, held: Parameters, path: Path) -> None:
    """Refuse what is requested and not what the baseline was made with.

    Args:
        arguments: of the command line.
        held: what the baseline was made with.
        path: of the baseline's file.

    Raises:
        ValueError: one line with what was requested and what was recorded.
    """
    for option in held.recorded:
        now_asked = getattr(arguments, option.attribute)
        if option.kind is None and not now_asked:
            continue  # a switch that is not set requests nothing
        was, now = (_shown(option, value) for value in (held[option.keyword], now_asked))
        if now_asked is not None and was != now:
            raise ValueError(
                f"--{option.flag} {now}: the baseline {path} was made with {was}, and the gate "
                "repeats its cases; leave the option out, or remove the file and make it anew"
            )
    known = dict(held.values).get("known", options.NONE)
    if known not in {options.SHIPPED, options.NONE} and not Path(known).is_file():
        raise ValueError(
            f"the baseline {path} was made with --known {known}: there is no such file here"
        )


def _shown(option: options.Option, value: Any) -> str:
    """A parameter in an error; the order of several names is no difference."""
    if isinstance(value, list | tuple):
        return ", ".join(value if option.ordered else sorted(value)) or "all"
    return option.unset if value is None else str(value)


def of(
    arguments: argparse.Namespace, recorded: Sequence[options.Option] = options.RECORDED
) -> Parameters:
    """What a command line requests.

    Args:
        arguments: of the command line.
        recorded: the options of the command that a baseline holds.
    """
    values = {option.keyword: given.value(arguments, option) for option in recorded}
    if {"budget", "cases"} <= {*values} and values["budget"] is values["cases"] is None:
        values["budget"] = options.DEFAULT_BUDGET  # the default may be another one day
    return Parameters(recorded, **values)
