"""Options for what is shown and written."""

from __future__ import annotations

from pathlib import Path

from .option import REPORT, Option

FORMAT = Option(
    flag="format",
    group=REPORT,
    help="as the file is named, or",
    default="text",
)
OUTPUT = Option(
    flag="output",
    group=REPORT,
    help="write the report there, in the format that the name asks for; may be repeated; the "
    "verdict is shown all the same",
    kind=Path,
    metavar="FILE",
    repeated=True,
    default=(),
)
VERBOSE = Option(
    flag="verbose",
    short="-v",
    group=REPORT,
    help="list the checks that are exact in every dtype, too",
    kind=None,
)
QUIET = Option(
    flag="quiet",
    short="-q",
    group=REPORT,
    help="the verdict alone, without progress",
    kind=None,
)
