"""``conv-reference verify`` and ``conv-reference checks``: options, effects, what is printed."""

from __future__ import annotations

import argparse
import os
import sys
import textwrap
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conv_reference.verification.work.children import Children, usual_count

if TYPE_CHECKING:
    from conv_reference.verification import Report
    from conv_reference.verification.judging import Progress

EXAMPLES = """\
examples:
  conv-reference verify torch.nn.functional:conv2d
      is torch's own convolution right, in every mode?
  conv-reference verify my_conv.py:conv2d --dtype float32 --budget 60
      a function of yours, in one dtype, tried for longer
  conv-reference verify my_conv.py:conv2d --geometry "n1 c1 h2 w3 o1 k1x2"
      everything on one geometry
  conv-reference verify my_conv.py:Layer --format json --output report.json
  conv-reference checks
      what is checked, why, and which real fault each check stands for
"""
DTYPES = ("float64", "float32", "float16", "bfloat16")
SWEEPS = ("default", "small", "random", "networks", "exhaustive")
DEVICE, SWEEP, BUDGET, REQUIRE = "cpu", "default", 20.0, "rounded"  # where none is asked for
FORMATS = ("text", "json", "junit", "markdown", "html")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``verify``."""
    add = parser.add_argument
    add(
        "target",
        metavar="TARGET",
        help="package.module:attribute or path/file.py:attribute; a function like "
        "torch.nn.functional.conv2d, an nn.Module class or instance, or an adapter",
    )
    add(
        "--dtype",
        action="append",
        choices=DTYPES,
        metavar="D",
        help=f"may be repeated; of {', '.join(DTYPES)}, all by default",
    )
    # Without defaults of their own: a gate tells what is asked from what is not.
    add("--device", metavar="D", help=f"where the target runs ({DEVICE})")
    add("--sweep", choices=SWEEPS, help=f"which geometries ({SWEEP})")
    add(
        "--geometry",
        metavar="TEXT",
        help='only this one, like "n1 c1 h2 w3 o1 k1x2 s1 p0 d1 g1"',
    )
    add("--case", metavar="TEXT", help="only this one, as a finding names it")
    add(
        "--check",
        action="append",
        default=[],
        metavar="NAME",
        help="only this check, or one that runs on request; may be repeated (see checks)",
    )
    add("--seed", type=int, metavar="N", help="repeat the run with this seed")
    add(
        "--budget",
        type=float,
        metavar="SECONDS",
        help="the number of cases follows from it; the clock cuts at three times as much "
        f"({BUDGET:g})",
    )
    add(
        "--require",
        choices=["rounded", "exact"],
        help=f"the least that passes ({REQUIRE})",
    )
    add(
        "--require-modes",
        action="store_true",
        help="fail where a mode is unsupported, too",
    )
    add(
        "--allow-bits",
        type=int,
        metavar="N",
        help="accept a precision of N bits, as of TF32 (10), in place of the dtype's",
    )
    add("--known", metavar="FILE", help="another registry of known defects, or none")
    add(
        "--in-process",
        action="store_true",
        help="call the target in this process, for debuggers; a crash then ends the run",
    )
    add(
        "--memory",
        metavar="DIR",
        default=".hypothesis/examples",
        help="where failing cases are remembered, to be tried first; or none "
        "(.hypothesis/examples; none with --seed or --baseline, so that runs repeat)",
    )
    add("--workers", type=int, metavar="N", help="child processes (one a core, up to 4)")
    add("--baseline", type=Path, metavar="FILE", help="compare with what held, a committed file")
    add(
        "--update-baseline",
        action="store_true",
        help="write the baseline where there is none, or take what improved",
    )
    add(
        "--accept-regressions",
        action="store_true",
        help="with --update-baseline: take what got worse, too",
    )
    add("--margin", type=float, metavar="BITS", help="precision that may be lost unnoticed (1)")
    add(
        "--on-found",
        choices=["fail", "warn"],
        help="what a fault does that only fresh cases show: it may always have been there (fail)",
    )
    add("--format", choices=FORMATS, default="text", help="(text)")
    add("--output", type=Path, metavar="FILE", help="write the report there")


def run(arguments: argparse.Namespace) -> int:
    """Verify, and write the report.

    Returns:
        0 nothing wrong, 1 something is wrong, 2 nothing that was judged is wrong, but the
        engine itself failed on some cases, 130 interrupted.

    Raises:
        ValueError: when an argument is outside its range, or the target cannot be imported.
        OSError: when a file cannot be read or written.
    """
    _refuse_contradictions(arguments)
    _refuse_files(arguments)
    with _children(arguments) as isolate, _progress() as progress:
        return _carried_out(arguments, {"isolate": isolate, "progress": progress})


# What says nothing beside an option that settles it already.
_SETTLED = {
    "case": ("geometry", "dtype", "sweep"),
    "geometry": ("sweep",),
    "in_process": ("workers",),
}


def _refuse_contradictions(arguments: argparse.Namespace) -> None:
    """Refuse what would be taken silently, and mean nothing."""
    for settling, others in _SETTLED.items():
        for other in others:
            if getattr(arguments, settling) and getattr(arguments, other) is not None:
                first, second = (f"--{name.replace('_', '-')}" for name in (settling, other))
                raise ValueError(f"{second} says nothing beside {first}; accepted is one of them")


def _refuse_files(arguments: argparse.Namespace) -> None:
    """Find out now, not after the run, that a file cannot be read or written."""
    if arguments.output is not None:
        _require_writable("--output", arguments.output)
    if arguments.baseline is not None and arguments.update_baseline:
        _require_writable("--baseline", arguments.baseline)
    elif arguments.baseline is not None and arguments.baseline.is_dir():
        _refuse_folder("--baseline", arguments.baseline)
    named = arguments.known not in {None, "none", "shipped"}
    # A baseline says itself which registry it was made with.
    if named and (arguments.baseline is None or not arguments.baseline.exists()):
        with _named(f"--known: cannot read {arguments.known!r}"):
            Path(arguments.known).open("rb").close()


def _refuse_folder(option: str, path: Path) -> None:
    raise IsADirectoryError(f"{option}: {str(path)!r} is a folder; accepted is a file")


def _require_writable(option: str, path: Path) -> None:
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{option}: no folder {str(path.parent)!r}")
    if path.is_dir():
        _refuse_folder(option, path)
    if path.is_symlink() or (path.exists() and not path.is_file()):
        return  # a pipe would take opening it for its whole content
    there = path.exists()
    with _named(f"{option}: cannot write {str(path)!r}"):
        path.open("ab").close()
        if not there:
            path.unlink()


@contextmanager
def _named(what: str) -> Iterator[None]:
    """The system's refusal, with the option and the file in front."""
    try:
        yield
    except BrokenPipeError:
        raise  # no fault: the reader of the output has enough
    except OSError as error:
        raise OSError(f"{what}: {error.strerror or error}") from error


@contextmanager
def _children(arguments: argparse.Namespace) -> Iterator[Children | bool]:
    """They are started before anything else: they import torch while this process does."""
    if arguments.in_process or (arguments.workers is not None and arguments.workers < 1):
        yield False  # ``verify`` refuses what is out of its range
        return
    count = usual_count() if arguments.workers is None else arguments.workers
    full_run = not (arguments.case or arguments.geometry or arguments.check)
    with closing(Children(arguments.target, count, full_run=full_run)) as children:
        children.start()
        yield children


def _carried_out(arguments: argparse.Namespace, how: dict[str, Any]) -> int:
    """Verify where the target runs already, and write the report; see ``run``."""
    from conv_reference.verification import verify
    from conv_reference.verification.gate import command as gate_command
    from conv_reference.verification.report import markdown, renderer

    options = _options(arguments) | how
    if arguments.baseline is not None:
        rendered, status, annotated = gate_command.run(arguments, options)
    else:
        gate_command.refuse_stray_options(arguments)
        report = verify(arguments.target, **options)
        rendered, annotated = renderer(arguments.format)(report), markdown.annotations(report)
        status = _status(report, require_modes=arguments.require_modes)
    if status == 2:
        sys.stderr.write("conv-reference verify: error: the engine itself failed: see the report\n")
    if arguments.output is None:
        sys.stdout.write(rendered)
    else:
        with _named(f"--output: cannot write {str(arguments.output)!r}"):
            arguments.output.write_text(rendered, encoding="utf-8")
        if os.environ.get("GITHUB_ACTIONS") == "true":  # it shows these beside the code
            sys.stdout.writelines(f"{line}\n" for line in annotated)
    return status


def _options(arguments: argparse.Namespace) -> dict[str, Any]:
    """The keyword arguments of ``verify``."""
    import torch

    from conv_reference.verification.gate.command import registry

    repeatable = arguments.seed is not None or arguments.baseline is not None
    remembers = arguments.memory != "none" and not repeatable
    return {
        "dtypes": [getattr(torch, name) for name in arguments.dtype or DTYPES],
        "device": _given(arguments.device, DEVICE),
        "seed": arguments.seed,
        "budget": _given(arguments.budget, BUDGET),
        "sweep": _given(arguments.sweep, SWEEP),
        "checks": arguments.check,
        "geometry": arguments.geometry,
        "case": arguments.case,
        "require": _given(arguments.require, REQUIRE),
        "allowed_bits": arguments.allow_bits,
        "workers": arguments.workers,
        "known": registry(arguments.known),
        "memory": Path(arguments.memory) if remembers else None,
    }


def _given(value: Any, default: Any) -> Any:
    return default if value is None else value


def _status(report: Report, *, require_modes: bool) -> int:
    """The exit status; see ``run``."""
    if report.interrupted:
        return 130
    refused = require_modes and any(check.has_refusals for check in report.checks)
    if refused or not report.is_right or report.is_barely_tried:
        return 1
    return 2 if report.unjudged else 0


def list_checks(_: argparse.Namespace) -> int:
    """Print what is checked, why, and which real fault each check stands for."""
    from conv_reference.verification.checks import Sample, all_checks

    for check in all_checks().values():
        for row in check.rows:
            request = ", on request" if check.sample == Sample.REQUEST else ""
            heading = row.name if row.name == check.name else f"{row.name} ({check.name})"
            print(f"{heading}{request}")
            for label, words in (("", row.asserts), ("why: ", row.why), ("fault: ", row.fault)):
                print(textwrap.indent(textwrap.fill(label + words, 92), "    "))
            print()
    return 0


@contextmanager
def _progress() -> Iterator[Progress | None]:
    """A bar on a terminal where rich is installed; nothing in a pipe or a log."""
    if find_spec("rich") is None or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("cases"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("cases", total=None)

        def show(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        yield show
