"""Options for where the target runs, and what is kept from one run to the next."""

from __future__ import annotations

import os
from pathlib import Path

from .option import PLACE, Option

IN_PROCESS = Option(
    flag="in-process",
    group=PLACE,
    help="call the target in this process, for debuggers; a crash then ends the run",
    kind=None,
    plugin="in-process",
    decides=True,
)
MOST_CHILDREN = 4  # by default: each is a process with torch in it
MOST_WORKERS = 256  # each is a process with torch in it; more is a slip of the keyboard
WORKERS = Option(
    flag="workers",
    keyword="workers",
    group=PLACE,
    help=f"child processes (one a core, up to {MOST_CHILDREN})",
    kind=int,
    metavar="N",
    valid=lambda workers: 1 <= workers <= MOST_WORKERS,
    accepted=f"must be 1..{MOST_WORKERS}",
)


def require_interpreter(path: str) -> None:
    """Refuse what cannot be run.

    Raises:
        ValueError: when no executable file is there.
    """
    if not (Path(path).is_file() and os.access(path, os.X_OK)):
        raise ValueError(
            f"python must be an interpreter, like other/.venv/bin/python, got {path!r}"
        )


PYTHON = Option(
    flag="python",
    keyword="python",
    group=PLACE,
    help="the interpreter of another environment, in which the target runs; it is judged here",
    metavar="PATH",
    checked=require_interpreter,
    unset="this one",
    decides=True,
)
WATCH = Option(
    flag="watch",
    group=PLACE,
    help="run again whenever the target's file is saved, what failed first; Ctrl-C ends it",
    kind=None,
)
MEMORY = Option(
    flag="memory",
    group=PLACE,
    help="where failing cases are remembered, to be tried first; or none, as with --seed or "
    "--baseline, so that runs repeat",
    metavar="DIR",
    default=".hypothesis/examples",
)
DASK = Option(
    flag="dask",
    group=PLACE,
    help="the workers of the Dask cluster whose scheduler listens there, in place of children "
    "(needs the extra cluster)",
    metavar="ADDRESS",
)
STORE = Option(
    flag="store",
    keyword="store",
    group=PLACE,
    help="an SQLite file to which results go as they come: an interrupted run is resumed, and the "
    "next goes on where coverage is thin",
    kind=Path,
    metavar="FILE",
)
NO_CONFIG = Option(
    flag="no-config",
    group=PLACE,
    help="read no [tool.conv-reference] in pyproject.toml, which says what is not given here",
    kind=None,
)
