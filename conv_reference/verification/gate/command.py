"""``conv-reference verify --baseline FILE``: the gate's options, effects and exit status."""

from __future__ import annotations

import argparse
import secrets
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from conv_reference.verification import given, options
from conv_reference.verification.gate import baseline as baselines
from conv_reference.verification.gate import parameters
from conv_reference.verification.gate import report as gate_report
from conv_reference.verification.gate.comparison import updated
from conv_reference.verification.gate.gate import OnFound, run_gate
from conv_reference.verification.known import known
from conv_reference.verification.model.result import FAILURES, Report, Verdict
from conv_reference.verification.report import markdown
from conv_reference.verification.report.plain import counted
from conv_reference.verification.report.view import Shown, View, status_of
from conv_reference.verification.runner import verify

Options = Mapping[str, Any]


def run(arguments: argparse.Namespace, asked: Options, begin: Callable[[str], None]) -> Shown:
    """Compare with the baseline, or make the first one.

    Args:
        arguments: of the command line, ``baseline`` among them.
        asked: the keyword arguments of ``verify`` that they amount to.
        begin: called with the name of each run of the engine before it begins.

    Returns:
        The report, how it is shown, with the exit status, and annotations for GitHub.

    Raises:
        ValueError: when the baseline is corrupt, newer, of another target or absent, or an
            option does not go with it.
        OSError: when the file cannot be written.
    """
    path: Path = arguments.baseline
    if arguments.update_baseline and not path.exists():
        report = verify(arguments.target, **asked)
        return first(report, parameters.of(arguments), path)
    held = baselines.read(path, target=arguments.target)
    parameters.refuse_others(arguments, held.parameters, path)
    planned = _as_planned(held.parameters)

    def verify_once(seed: int) -> Report:
        repeats = seed == held.seed
        begin("the baseline's cases" if repeats else "fresh cases")
        again = {**asked, **planned, "seed": seed}
        if repeats:
            again["store"] = None  # its cases are the baseline's, each time
        elif asked["store"] is not None and arguments.seed is None:
            again["seed"] = None  # the store draws one, and goes on where coverage is thin
        return verify(arguments.target, **again)

    return compared(arguments, held, verify_once)


def first(report: Report, made_with: parameters.Parameters, path: Path) -> Shown:
    """Write what holds now; a run that was interrupted, or on which we failed, is no baseline.

    Args:
        report: of the run.
        made_with: what was requested of it.
        path: of the file.
    """
    nothing = report.judged == 0 or report.verdict == Verdict.UNSUPPORTED
    if report.interrupted or report.unjudged or nothing:
        status = 2 if report.unjudged else 130 if report.interrupted else 1
        sys.stderr.write(f"{path}: not written, for this run shows too little to hold\n")
    else:
        status = status_of(report)
        _write(path, baselines.baseline_of(report, made_with))
    return Shown(report, View(status=status), markdown.annotations(report))


def compared(
    arguments: argparse.Namespace,
    held: baselines.Baseline,
    run_once: Callable[[int], Report],
) -> Shown:
    """The baseline's own cases, then fresh ones; the file is written where that is requested.

    Args:
        arguments: of the command line, the gate's options among them.
        held: what the file holds.
        run_once: with the seed that it is given.
    """
    margin = given.value(arguments, options.MARGIN)
    result = run_gate(
        run_once,
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
        _write(arguments.baseline, taken)
    return Shown(result.repeated, gate_report.view(result), gate_report.commands(result))


def _write(path: Path, baseline: baselines.Baseline) -> None:
    """Write the file, and report that on standard error: the report may be for a machine."""
    baselines.write(path, baseline)
    failing = sum(row.verdict in FAILURES and not row.known for row in baseline.rows)
    wrong = f", {failing} of them failing" if failing else ""
    sys.stderr.write(f"{path}: written, {counted(len(baseline.rows), 'row')}{wrong}\n")


def _fresh_seed(wanted: int | None, held: int) -> int:
    if wanted is not None:
        return wanted
    drawn = secrets.randbits(32)
    return drawn if drawn != held else drawn + 1


def _as_planned(held: parameters.Parameters) -> dict[str, Any]:
    """The plan is the baseline's: its cases are what is repeated, judged as they were."""
    planned = dict(held.values)
    return planned | {"known": registry(planned["known"])}


def registry(name: str) -> Path | str | None:
    """The registry of known defects that ``--known``, or a baseline, names."""
    words = {options.SHIPPED: known.SHIPPED, options.NONE: None}
    return words.get(name, name)
