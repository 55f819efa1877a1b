"""How a finding is seen again: a command, or a call, with the options of the run that decide."""

from __future__ import annotations

import shlex
from typing import Any

from conv_reference.verification import given, options
from conv_reference.verification.checks import all_checks, all_rows
from conv_reference.verification.diagnosis.bench import Bench
from conv_reference.verification.diagnosis.explaining.snippet import PLACEHOLDER
from conv_reference.verification.model.case import Case
from conv_reference.verification.plan.selection import selected_rows


def whole_run(bench: Bench, *, in_process: bool) -> str:
    """A command, or a call, that puts all cases of the seed: for what one of them does not show."""
    kept = {
        option.keyword
        for option in options.OPTIONS
        if option.recorded or option.decides or option is options.GEOMETRY
    }
    values = {name: value for name, value in _values(bench).items() if name in kept}
    if not bench.target.importable:
        return f"verify({PLACEHOLDER}{given.in_python(values)}, seed={bench.settings.seed})"
    return _command(given.as_words(values), bench, in_process=in_process)


def of_case(case: Case, row: str, bench: Bench, *, in_process: bool, setting: str = "") -> str:
    """A command, or for what cannot be imported a call, that shows the failure of a case again.

    Args:
        case: on which it failed.
        row: in which.
        bench: with the settings of the run.
        in_process: whether the target was called where ``verify`` was.
        setting: of the environment under which it failed.
    """
    if not bench.target.importable:
        return (
            f'verify({PLACEHOLDER}, case="{case}", seed={bench.settings.seed}'
            f"{keywords(case, row, bench)})"
        )
    words = ["--case", str(case), *given.as_words(_deciding(case, row, bench))]
    command = _command(words, bench, in_process=in_process)
    return f"{setting} {command}" if setting else command


def keywords(case: Case, row: str, bench: Bench) -> str:
    """What a call of ``verify`` needs beside the case and the seed: ``, strict=True``."""
    return given.in_python(_deciding(case, row, bench))


def _command(chosen: list[str], bench: Bench, *, in_process: bool) -> str:
    words = ["conv-reference", "verify", bench.target.name, *chosen]
    words += ["--in-process"] if in_process else []
    return shlex.join([*words, "--seed", str(bench.settings.seed)])


def _deciding(case: Case, row: str, bench: Bench) -> dict[str, Any]:
    """Without which the case may come out otherwise, by the keywords of ``verify``."""
    of_rows = {options.CHECK.keyword, options.SKIP.keyword}
    kept = {option.keyword for option in options.OPTIONS if option.decides} - of_rows
    others = {name: value for name, value in _values(bench).items() if name in kept}
    return {**_of_rows(case, row, bench), **others}


def _values(bench: Bench) -> dict[str, Any]:
    """What is not as it is by default, by the keywords of ``verify``."""
    settings = bench.settings
    own = {
        "where": settings.domain.where or None,
        "device": settings.device,
        "strict": settings.strict,
        "allowed_bits": settings.allowed_bits,
    }
    # A name that says them is printed as it is.
    named = {"operator", "convention"} if "@" in bench.target.name else set()
    return {
        **{name: value for name, value in bench.given if name not in named},
        **given.not_default(own),
    }


def _of_rows(case: Case, row: str, bench: Bench) -> dict[str, tuple[str, ...]]:
    """Which rows of the case's check: in others of it the case may fail, too, or nothing may."""
    rows = [each.name for each in all_checks()[case.check].rows]
    wanted = selected_rows([all_checks()[case.check]], bench.checks)
    if not all_rows()[row].repeatable:  # its case alone does not show it
        return {"checks": (row,)}
    left = tuple(name for name in rows if name not in wanted)
    if row not in wanted or not left:  # it is shown of what was requested, or all was
        return {}
    kept = tuple(name for name in rows if name in wanted)
    return {"skip": left} if len(left) < len(kept) else {"checks": kept}
