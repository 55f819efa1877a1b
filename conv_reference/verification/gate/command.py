"""``conv-reference verify --baseline FILE``: the gate's options, effects and exit status."""

from __future__ import annotations

import argparse
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from conv_reference.verification import given, options
from conv_reference.verification.gate import baseline as baselines
from conv_reference.verification.gate import report as gate_report
from conv_reference.verification.gate.comparison import updated
from conv_reference.verification.gate.gate import OnFound, run_gate
from conv_reference.verification.known import known
from conv_reference.verification.model.result import FAILURES, Report
from conv_reference.verification.report import markdown, renderer
from conv_reference.verification.report._summary import counted
from conv_reference.verification.runner import verify

Options = Mapping[str, Any]


def run(arguments: argparse.Namespace, asked: Options) -> tuple[str, int, list[str]]:
    """Compare with the baseline, or make the first one.

    Args:
        arguments: of the command line, ``baseline`` among them.
        asked: the keyword arguments of ``verify`` that they amount to.

    Returns:
        What is to be printed, the exit status, and the annotations for GitHub.

    Raises:
        ValueError: when the baseline is corrupt, newer, of another target or absent, or an
            option does not go with it.
        OSError: when the file cannot be written.
    """
    path: Path = arguments.baseline
    if arguments.update_baseline and not path.exists():
        return _first(arguments, asked, path)
    return _compared(arguments, asked, path)


def _first(arguments: argparse.Namespace, asked: Options, path: Path) -> tuple[str, int, list[str]]:
    """Write what holds now; a run that was interrupted, or on which we failed, is no baseline."""
    report = verify(arguments.target, **asked)
    if report.interrupted or report.judged == 0 or report.unjudged:
        status = 2 if report.unjudged else 130
        return (
            renderer(given.value(arguments, options.FORMAT))(report),
            status,
            markdown.annotations(report),
        )
    _write(path, baselines.baseline_of(report, _parameters(arguments)))
    return (
        renderer(given.value(arguments, options.FORMAT))(report),
        int(not report.passed),
        markdown.annotations(report),
    )


def _compared(
    arguments: argparse.Namespace, asked: Options, path: Path
) -> tuple[str, int, list[str]]:
    held = baselines.read(path, target=arguments.target)
    _refuse_other_parameters(arguments, held.parameters, path)
    planned = _as_planned(held.parameters)

    def verify_once(seed: int) -> Report:
        return verify(arguments.target, **{**asked, **planned, "seed": seed})

    margin = given.value(arguments, options.MARGIN)
    result = run_gate(
        verify_once,
        held,
        _fresh_seed(arguments.seed, held.seed),
        OnFound(given.value(arguments, options.ON_FOUND)),
        margin=margin,
    )
    whole = not (result.repeated.interrupted or result.repeated.unjudged)
    if arguments.update_baseline and whole:
        taken = updated(
            held,
            result.repeated,
            held.parameters,
            margin=margin,
            accept_regressions=arguments.accept_regressions,
        )
        _write(path, taken)
    return (
        gate_report.RENDERERS[given.value(arguments, options.FORMAT)](result),
        result.status,
        gate_report.commands(result),
    )


def _write(path: Path, baseline: baselines.Baseline) -> None:
    """Write the file, and say so on standard error: the report may be for a machine."""
    baselines.write(path, baseline)
    failing = sum(row.verdict in FAILURES and not row.known for row in baseline.rows)
    wrong = f", {failing} of them failing" if failing else ""
    sys.stderr.write(f"{path}: written, {counted(len(baseline.rows), 'row')}{wrong}\n")


def _fresh_seed(wanted: int | None, held: int) -> int:
    if wanted is not None:
        return wanted
    drawn = secrets.randbits(32)
    return drawn if drawn != held else drawn + 1


def _refuse_other_parameters(
    arguments: argparse.Namespace, held: baselines.Parameters, path: Path
) -> None:
    """Refuse what is asked for and not what the baseline was made with."""
    for option in options.RECORDED:
        now_asked = getattr(arguments, option.attribute)
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


def _parameters(arguments: argparse.Namespace) -> baselines.Parameters:
    values = {option.keyword: given.value(arguments, option) for option in options.RECORDED}
    if values["budget"] is None and values["cases"] is None:  # the default may be another one day
        values["budget"] = options.DEFAULT_BUDGET
    return baselines.Parameters(**values)


def _as_planned(parameters: baselines.Parameters) -> dict[str, Any]:
    """The plan is the baseline's: its cases are what is repeated, judged as they were."""
    planned = dict(parameters.values)
    return planned | {"known": registry(planned["known"])}


def registry(name: str) -> Path | str | None:
    """The registry of known defects that ``--known``, or a baseline, names."""
    words = {options.SHIPPED: known.SHIPPED, options.NONE: None}
    return words.get(name, name)
