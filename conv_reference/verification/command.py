"""``conv-reference verify``: effects, what is printed, and the exit status."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conv_reference.verification import given, options
from conv_reference.verification.arguments import named_refusal, refuse
from conv_reference.verification.report import formats
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
LETTERS = """\
a geometry, "n2 c4 h8 w9 o6 k3x2 s2x1 p1x0 d1 g2":
  n batch    c input channels    h w height and width of the input    o output channels
  k kernel   s stride            p padding                            d dilation    g groups
  2x1 is height x width, and 2 is 2x2; p1:0x2 pads 1 above, 0 below, 2 on either side.
  h, w and k must be there; the others are 1, the padding 0.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``verify``."""
    parser.add_argument(
        "target",
        metavar="TARGET",
        help="package.module:attribute or path/file.py:attribute; a function like "
        "torch.nn.functional.conv2d, an nn.Module class or instance, or an adapter",
    )
    given.add_to(parser, formats())


def run(arguments: argparse.Namespace) -> int:
    """Verify, and write the report.

    Returns:
        0 nothing wrong, 1 something is wrong, 2 nothing that was judged is wrong, but the
        engine itself failed on some cases, 130 interrupted.

    Raises:
        ValueError: when an argument is outside its range, or the target cannot be imported.
        OSError: when a file cannot be read or written.
    """
    refuse(arguments)
    with _children(arguments) as isolate, _progress() as progress:
        return _carried_out(arguments, {"isolate": isolate, "progress": progress})


@contextmanager
def _children(arguments: argparse.Namespace) -> Iterator[Children | bool]:
    """They are started before anything else: they import torch while this process does."""
    if arguments.in_process:
        yield False
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

    asked = _keywords(arguments) | how
    if arguments.baseline is not None:
        rendered, status, annotated = gate_command.run(arguments, asked)
    else:
        report = verify(arguments.target, **asked)
        rendered = renderer(given.value(arguments, options.FORMAT))(report)
        annotated = markdown.annotations(report)
        status = _status(report, require_modes=arguments.require_modes)
    if status == 2:
        sys.stderr.write("conv-reference verify: error: the engine itself failed: see the report\n")
    if arguments.output is None:
        sys.stdout.write(rendered)
    else:
        with named_refusal(f"--output: cannot write {str(arguments.output)!r}"):
            arguments.output.write_text(rendered, encoding="utf-8")
        if os.environ.get("GITHUB_ACTIONS") == "true":  # it shows these beside the code
            sys.stdout.writelines(f"{line}\n" for line in annotated)
    return status


def _keywords(arguments: argparse.Namespace) -> dict[str, Any]:
    """The keyword arguments of ``verify``."""
    from conv_reference.verification.gate.command import registry

    repeatable = arguments.seed is not None or arguments.baseline is not None
    remembers = arguments.memory != "none" and not repeatable
    memory = Path(given.value(arguments, options.MEMORY)) if remembers else None
    asked = given.keywords(arguments)
    return asked | {"known": registry(asked["known"]), "memory": memory}


def _status(report: Report, *, require_modes: bool) -> int:
    """The exit status; see ``run``."""
    if report.interrupted:
        return 130
    refused = require_modes and any(check.has_refusals for check in report.checks)
    if refused or not report.is_right or report.is_barely_tried:
        return 1
    return 2 if report.unjudged else 0


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
