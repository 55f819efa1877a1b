"""``conv-reference verify --watch``: run again whenever the target's source is saved."""

from __future__ import annotations

import argparse
import copy
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from conv_reference.verification.report.plain import one_line
from conv_reference.verification.target.names import source_of

_PAUSE = 0.3  # seconds between two looks


def watched(arguments: argparse.Namespace, once: Callable[[argparse.Namespace], int]) -> int:
    """Run, and run again with each change, until the user interrupts.

    What failed is remembered, and so comes first in the next run.

    Args:
        arguments: of the command; each run has a copy.
        once: carries out one run.

    Returns:
        The exit status of the last run.

    Raises:
        ValueError: when there is no file to watch; or the run's own, at the first.
    """
    source = source_of(arguments.target)
    if source is None or source.suffix != ".py" or not source.is_file():
        raise ValueError(f"--watch: {arguments.target!r} has no file that could be watched")
    if arguments.in_process:
        raise ValueError("--watch goes without --in-process: a module is imported once there")
    seen: Mapping[Path, int] = _stamps(source)
    status = once(copy.copy(arguments))
    try:
        while True:
            sys.stderr.write(f"conv-reference: waiting for {one_line(str(source))} to be saved\n")
            seen = _changed(source, seen)
            try:
                status = once(copy.copy(arguments))
            except ValueError as error:  # a file half written: the next save may mend it
                sys.stderr.write(f"conv-reference verify: error: {one_line(str(error))}\n")
                status = 2
    except KeyboardInterrupt:
        return status


def _changed(source: Path, seen: Mapping[Path, int]) -> Mapping[Path, int]:
    """The stamps of the files, once they are others."""
    while (found := _stamps(source)) == seen:
        time.sleep(_PAUSE)
    return found


def _stamps(source: Path) -> dict[Path, int]:
    """When the file, and those of Python's beside it, were saved."""
    found = {}
    for path in (source, *source.parent.glob("*.py")):
        try:
            found[path] = path.stat().st_mtime_ns
        except OSError:  # between two saves an editor may have it away
            continue
    return found
