"""``conv-reference verify --watch``: run again whenever the target's source is saved."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Protocol

from conv_reference.verification.model.errors import TargetError
from conv_reference.verification.report.plain import one_line
from conv_reference.verification.target.names import source_of

_PAUSE = 0.1  # seconds between two looks
_LOOK = 0.3  # the same while a run is under way
_GIVEN_UP = 10.0  # seconds in which what a run had begun has ended
# What lies beside the target, and may be compiled or imported by it.
_SUFFIXES = frozenset({".py", ".c", ".cc", ".cpp", ".cu", ".cuh", ".h", ".hpp", ".mm", ".metal"})
_INTERRUPTED = 130
Stamps = Mapping[Path, tuple[int, int]]  # when each file was saved, and how long it is


class Once(Protocol):
    """What carries out one run."""

    def __call__(self, arguments: argparse.Namespace, /, *, again: bool) -> int:
        """Its exit status."""


class _Saved(BaseException):  # nobody who expects exceptions may take it
    """A file was saved while a run was under way."""


def watched(
    arguments: argparse.Namespace,
    once: Once,
    idle: Callable[[], None] = lambda: None,
) -> int:
    """Run, and run again with each change, until the user interrupts.

    What failed is remembered, and so comes first in the next run. A run is given up when a file is
    saved: some of its children would have the one, others the other. A target that cannot be
    imported is waited for.

    Args:
        arguments: of the command.
        once: carries out one run; hears whether it is another than the first.
        idle: called when a run is over, and nothing is saved yet.

    Returns:
        The exit status of the last run.

    Raises:
        ValueError: when there is no file to watch; or the run's own, at the first, but for that
            the target cannot be imported.
    """
    source = source_of(arguments.target)
    if source is None or source.suffix != ".py" or not source.is_file():
        raise ValueError(f"--watch: {arguments.target!r} has no file that could be watched")
    if arguments.in_process:
        raise ValueError("--watch goes without --in-process: a module is imported once there")
    status, again = 2, False
    try:
        while True:
            seen = _stamps(source)
            try:
                status = _one(arguments, once, source, seen, again=again)
                if status == _INTERRUPTED:
                    return status
                again = True
                _say(f"waiting for {one_line(str(source))} to be saved")
                idle()
                _await_change(source, seen)
            except _Saved:
                _say(f"{one_line(str(source))} was saved: begun anew")
    except KeyboardInterrupt:
        return status


def _one(
    arguments: argparse.Namespace,
    once: Once,
    source: Path,
    seen: Stamps,
    *,
    again: bool,
) -> int:
    """The status of one run; of one that cannot be carried out the reason is printed."""
    try:
        with _given_up_where(lambda: _has_changed(source, seen)):
            return once(arguments, again=again)
    except ValueError as error:  # a file half written: the next save may mend it
        if not again and not isinstance(error, TargetError):
            raise
        sys.stderr.write(f"conv-reference verify: error: {one_line(str(error))}\n")
        return 2


@contextmanager
def _given_up_where(has_changed: Callable[[], bool]) -> Iterator[None]:
    """Look now and then, and raise ``_Saved`` where the main thread is.

    Where the system has no timer a run comes to its end.
    """
    if (
        not hasattr(signal, "setitimer")
        or threading.current_thread() is not threading.main_thread()
    ):
        yield
        return

    def look(_: int, __: FrameType | None) -> None:
        if has_changed():
            signal.setitimer(signal.ITIMER_REAL, _GIVEN_UP)  # once is enough to end it
            raise _Saved

    before = signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, _LOOK, _LOOK)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)


def _await_change(source: Path, seen: Stamps) -> None:
    while not _has_changed(source, seen):
        time.sleep(_PAUSE)


def _has_changed(source: Path, seen: Stamps) -> bool:
    """Whether files are others than they were, and the target's is there."""
    found = _stamps(source)
    return found != seen and source in found


def _stamps(source: Path) -> Stamps:
    """The file, and those beside it that may belong to it."""
    found = {}
    for path in (source, *source.parent.iterdir()):
        if path.suffix in _SUFFIXES:
            try:
                seen = path.stat()
            except OSError:  # between two saves an editor may have it away
                continue
            found[path] = seen.st_mtime_ns, seen.st_size
    return found


def _say(what: str) -> None:
    sys.stderr.write(f"conv-reference: {what}\n")
    sys.stderr.flush()
