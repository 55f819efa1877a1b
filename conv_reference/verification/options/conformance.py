"""Options of ``frameworks`` alone: the runs that are made, and where the table goes."""

from __future__ import annotations

from pathlib import Path

from .option import PLACE, REPORT, Option

FORMATS = ("text", "markdown", "html")

ENVIRONMENT = Option(
    flag="environment",
    group=PLACE,
    help="run this target by the interpreter of its own environment, as "
    "conv_reference.adapters.jax:Jax=envs/jax/bin/python; may be repeated",
    metavar="TARGET=PYTHON",
    repeated=True,
)
ENVIRONMENTS = Option(
    flag="environments",
    group=PLACE,
    help="a file with one TARGET=PYTHON a line, each run as by --environment; # begins a remark",
    kind=Path,
    metavar="FILE",
)
REPORTS = Option(
    flag="reports",
    group=PLACE,
    help="the folder that keeps the JSON reports of these runs",
    kind=Path,
    metavar="DIR",
    default=Path("conformance"),
)
TABLE_FORMAT = Option(
    flag="format",
    group=REPORT,
    help="of the table; else that which the name of --output asks for, or text",
    choices=FORMATS,
)
TABLE_OUTPUT = Option(
    flag="output",
    group=REPORT,
    help="write the table there, in place of standard output; may be repeated",
    kind=Path,
    metavar="FILE",
    repeated=True,
    default=(),
)
