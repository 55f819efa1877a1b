"""``conv-reference frameworks``: what several frameworks do, side by side."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from conv_reference.verification import options
from conv_reference.verification.commands import STATUSES, verify
from conv_reference.verification.commands.environments import Environment, environments
from conv_reference.verification.conformance import read_report, table
from conv_reference.verification.console import screen
from conv_reference.verification.console.files import named_refusal, require_writable
from conv_reference.verification.options import conformance
from conv_reference.verification.report import format_of
from conv_reference.verification.report.plain import one_line

EXAMPLES = """\
examples:
  conv-reference frameworks jax.json scipy.json --format markdown
      a table from reports, each made by: conv-reference verify TARGET --python PATH --output FILE
  conv-reference frameworks --cases 300 --seed 1
    --environment conv_reference.adapters.jax:Jax=envs/jax/bin/python
    --environment conv_reference.adapters.scipy:Scipy=envs/scipy/bin/python
      two runs, one after another, and their table
"""
HELP = "what several frameworks do, side by side"
DESCRIPTION = (
    "A table of frameworks by groups of checks: from the JSON reports of runs, or "
    "from runs that are made here, each in an environment of its own."
)
EPILOG: tuple[str, ...] = (STATUSES, EXAMPLES)
_OWN = (conformance.ENVIRONMENT, conformance.ENVIRONMENTS, conformance.REPORTS)
_OF_A_RUN = (
    options.CASES,
    options.BUDGET,
    options.SEED,
    options.DTYPE,
    options.CHECK,
    options.WORKERS,
)
_TEXT = "text"
_SHOWN = (conformance.TABLE_FORMAT, conformance.TABLE_OUTPUT)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The reports and options of ``frameworks``."""
    parser.add_argument(
        "files",
        nargs="*",
        type=Path,
        metavar="REPORT",
        help="a JSON report of verify, a column of the table",
    )
    for option in (*_OWN, *_OF_A_RUN, *_SHOWN):
        parser.add_argument(f"--{option.flag}", **options.settings(option))


def run(arguments: argparse.Namespace) -> int:
    """Make the runs that are asked for, and print the table.

    Returns:
        0 where every framework passed, 1 where one did not, 2 where a run could not be carried
        out, which the table says in its column, 130 interrupted.

    Raises:
        ValueError: when nothing is asked for, or an argument is outside its range.
        OSError: when a file cannot be read or written.
    """
    for option in _OF_A_RUN:
        option.require(getattr(arguments, option.attribute), f"--{option.flag}")
    wanted = environments(arguments)
    _require_asked(arguments, wanted)
    outputs: Sequence[Path] = arguments.output or ()
    _require_files(outputs, arguments.format)
    runs = [*map(read_report.read, arguments.files)]
    for environment in wanted:
        made, status = _made(arguments, environment)
        if status == 130:
            return 130
        runs.append(made)
    runs = read_report.named_apart(runs)
    from conv_reference.verification.conformance.rendering import rendered  # noqa: PLC0415 (jinja2, which no other command waits for)

    if not outputs:
        screen.show(rendered(runs, arguments.format or _TEXT))
    for file in outputs:
        text = rendered(runs, arguments.format or format_of(file) or _TEXT)
        with named_refusal(f"--output: cannot write {str(file)!r}"):
            file.write_text(text, encoding="utf-8")
    return 2 if any(run.failure for run in runs) else int(not table.passed(runs))


def _require_files(files: Sequence[Path], form: str | None) -> None:
    """Refuse, before anything runs, files that the table could not be written to.

    Raises:
        ValueError: when a file's name asks for a format that the table does not have.
        OSError: when a file cannot be written; it names the option.
    """
    for file in files:
        require_writable("--output", file)
        if form is None and file.suffix and format_of(file) not in conformance.FORMATS:
            raise ValueError(
                f"--output: the table has no format named {file.suffix!r}, got {str(file)!r}; "
                f"it is one of {', '.join(conformance.FORMATS)}, or give --format"
            )


def _require_asked(arguments: argparse.Namespace, wanted: Sequence[Environment]) -> None:
    """Refuse a table of nothing, a report that is given twice, and options of no run.

    Raises:
        ValueError: one line.
    """
    files: Sequence[Path] = arguments.files
    of_runs = (*_OF_A_RUN, conformance.REPORTS)
    given = [o for o in of_runs if getattr(arguments, o.attribute) not in (None, ())]
    if given and files and not wanted:
        raise ValueError(
            f"--{given[0].flag} is of runs that are made here, got reports alone: leave it out, "
            "or give --environment TARGET=PYTHON"
        )
    if not (wanted or files):
        raise ValueError("give a REPORT, or --environment TARGET=PYTHON, or --environments FILE")
    own = [*map(Path.resolve, files), *(one.report.resolve() for one in wanted)]
    for file in files:
        if own.count(file.resolve()) > 1:
            of_run = any(one.report.resolve() == file.resolve() for one in wanted)
            said = "is written by a run that is asked for, too" if of_run else "is given twice"
            raise ValueError(f"the report {str(file)!r} {said}")


def _made(arguments: argparse.Namespace, environment: Environment) -> tuple[read_report.Run, int]:
    """One run as ``verify`` makes it, and its status."""
    target, python, report = environment.target, environment.python, environment.report
    report.unlink(missing_ok=True)
    parser = argparse.ArgumentParser()
    verify.add_arguments(parser)
    words = [target, "--python", python, "--no-config", "--quiet", "--output", str(report)]
    sys.stderr.write(f"{one_line(target)} by {one_line(python)}\n")
    try:
        status = verify.run(parser.parse_args([*words, *_given(arguments)]))
    except (ValueError, ImportError, OSError) as error:
        why = one_line(str(error))
        sys.stderr.write(f"conv-reference frameworks: error: {why}\n")
        return read_report.failed(target, why), 2
    if not report.exists():
        why = f"verify ended with status {status}, and wrote no report"
        return read_report.failed(target, why), status
    return read_report.read(report), status


def _given(arguments: argparse.Namespace) -> Iterator[str]:
    """The words of the options that a run is given."""
    for option in _OF_A_RUN:
        value = getattr(arguments, option.attribute)
        values: Sequence[object] = value if option.repeated and value is not None else [value]
        for one in values:
            if one is not None:
                yield from (f"--{option.flag}", str(one))
