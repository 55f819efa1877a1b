"""``conv-reference verify --baseline FILE``: the gate's options, effects and exit status."""

from __future__ import annotations

import argparse
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from conv_reference.verification.gate import baseline as baselines
from conv_reference.verification.gate import report as gate_report
from conv_reference.verification.gate.comparison import DEFAULT_MARGIN, updated
from conv_reference.verification.gate.gate import OnFound, run_gate
from conv_reference.verification.known import known
from conv_reference.verification.model.case import dtype_name, dtype_named
from conv_reference.verification.model.result import FAILURES, Report
from conv_reference.verification.report import markdown, renderer
from conv_reference.verification.report._summary import counted
from conv_reference.verification.runner import verify

Options = Mapping[str, Any]


def run(arguments: argparse.Namespace, options: Options) -> tuple[str, int, list[str]]:
    """Compare with the baseline, or make the first one.

    Args:
        arguments: of the command line, ``baseline`` among them.
        options: the keyword arguments of ``verify`` that they amount to.

    Returns:
        What is to be printed, the exit status, and the annotations for GitHub.

    Raises:
        ValueError: when the baseline is corrupt, newer, of another target or absent, or an
            option does not go with it.
        OSError: when the file cannot be written.
    """
    path: Path = arguments.baseline
    if arguments.geometry is not None or arguments.case is not None:
        raise ValueError("--baseline goes with a whole run, not with --geometry or --case")
    if arguments.require_modes:
        raise ValueError(
            "--require-modes goes without --baseline: there a mode that is newly unsupported fails"
        )
    if arguments.update_baseline and not path.exists():
        return _first(arguments, options, path)
    return _compared(arguments, options, path)


def refuse_stray_options(arguments: argparse.Namespace) -> None:
    """Refuse what means nothing without a baseline.

    Raises:
        ValueError: when there is such an option.
    """
    stray = {
        "--update-baseline": arguments.update_baseline,
        "--accept-regressions": arguments.accept_regressions,
        "--margin": arguments.margin is not None,
        "--on-found": arguments.on_found is not None,
    }
    for name, given in stray.items():
        if given:
            raise ValueError(f"{name} goes with --baseline FILE")


def _first(
    arguments: argparse.Namespace, options: Options, path: Path
) -> tuple[str, int, list[str]]:
    """Write what holds now; a run that was interrupted, or on which we failed, is no baseline."""
    report = verify(arguments.target, **options)
    if report.interrupted or report.judged == 0 or report.unjudged:
        status = 2 if report.unjudged else 130
        return renderer(arguments.format)(report), status, markdown.annotations(report)
    _write(path, baselines.baseline_of(report, _parameters(arguments, options)))
    return renderer(arguments.format)(report), int(not report.passed), markdown.annotations(report)


def _compared(
    arguments: argparse.Namespace, options: Options, path: Path
) -> tuple[str, int, list[str]]:
    held = baselines.read(path, target=arguments.target)
    _refuse_other_parameters(arguments, options, held.parameters, path)
    planned = _as_planned(held.parameters)

    def verify_once(seed: int) -> Report:
        return verify(arguments.target, **{**options, **planned, "seed": seed})

    margin = DEFAULT_MARGIN if arguments.margin is None else arguments.margin
    result = run_gate(
        verify_once,
        held,
        _fresh_seed(arguments.seed, held.seed),
        OnFound(arguments.on_found or "fail"),
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
        gate_report.RENDERERS[arguments.format](result),
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
    arguments: argparse.Namespace, options: Options, held: baselines.Parameters, path: Path
) -> None:
    """Refuse what is asked for and not what the baseline was made with."""
    asked = _parameters(arguments, options)
    for option, name in _RECORDED.items():
        given = getattr(arguments, option.removeprefix("--").replace("-", "_"))
        was, now = _shown(getattr(held, name)), _shown(getattr(asked, name))
        if given not in (None, []) and was != now:
            raise ValueError(
                f"{option} {now}: the baseline {path} was made with {was}, and the gate repeats "
                "its cases; leave the option out, or remove the file and make it anew"
            )
    if held.known not in {baselines.SHIPPED, baselines.NONE} and not Path(held.known).is_file():
        raise ValueError(
            f"the baseline {path} was made with --known {held.known}: there is no such file here"
        )


#: The options that a baseline records, and under which name.
_RECORDED = {
    "--dtype": "dtypes",
    "--device": "device",
    "--budget": "budget",
    "--sweep": "sweep",
    "--check": "checks",
    "--require": "require",
    "--allow-bits": "allowed_bits",
    "--known": "known",
}


def _shown(value: Any) -> str:
    """A parameter in an error; the order of several names is no difference."""
    if isinstance(value, tuple):
        return ", ".join(sorted(value)) or "all"
    return "the dtype's" if value is None else str(value)


def _parameters(arguments: argparse.Namespace, options: Options) -> baselines.Parameters:
    return baselines.Parameters(
        dtypes=tuple(dtype_name(dtype) for dtype in options["dtypes"]),
        device=str(torch.device(options["device"])),
        budget=options["budget"],
        sweep=options["sweep"],
        checks=tuple(options["checks"]),
        require=options["require"],
        allowed_bits=options["allowed_bits"],
        known=arguments.known or baselines.SHIPPED,
    )


def _as_planned(parameters: baselines.Parameters) -> dict[str, Any]:
    """The plan is the baseline's: its cases are what is repeated, judged as they were."""
    return {
        "dtypes": [dtype_named(name) for name in parameters.dtypes],
        "device": parameters.device,
        "budget": parameters.budget,
        "sweep": parameters.sweep,
        "checks": parameters.checks,
        "require": parameters.require,
        "allowed_bits": parameters.allowed_bits,
        "known": registry(parameters.known),
    }


def registry(name: str | None) -> Path | str | None:
    """The registry of known defects that ``--known``, or a baseline, names."""
    words: dict[str | None, Path | None] = {
        None: known.SHIPPED,
        baselines.SHIPPED: known.SHIPPED,
        baselines.NONE: None,
    }
    return words.get(name, name)
