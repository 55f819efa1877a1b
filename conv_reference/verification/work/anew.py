"""A short run imports torch once: its process starts anew as its children would, and forks them.

What the allocator of a child checks is read when a process begins. So a command that is to be short
begins once more, as that very process, with what a child finds in its environment; then it imports
torch, and before it calls anything of it the process that forks is a fork of it.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import math
import os
import random
import signal
import subprocess
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Iterable, Sequence
from typing import NoReturn

from conv_reference.verification.work import descent
from conv_reference.verification.work.identity import child_path
from conv_reference.verification.work.importing import uncollected
from conv_reference.verification.work.processes import FORKS, Forking, Processes, Started
from conv_reference.verification.work.starting import of_libraries, of_memory, surroundings

BEFORE = "CONV_REFERENCE_BEFORE"  # what the environment had where it was changed
_INTERRUPT = {signal.SIGINT}
_SERVER = "conv_reference.verification.work.server"


def begin_anew() -> None:
    """Execute this command once more, on the memory of a child; where that fails, go on.

    Nothing else may have been done: what was is lost.
    """
    if not FORKS or not {BEFORE, descent.MARK}.isdisjoint(os.environ):
        return
    own = of_memory() | {descent.MARK: random.SystemRandom().randbytes(8).hex()}
    before = json.dumps({name: os.environ.get(name) for name in own})
    arguments = [sys.executable, *sys.orig_argv[1:]]
    changed = {**os.environ, **own, **of_libraries(), BEFORE: before}
    # Of an interrupt while Python itself begins there would be a traceback.
    signal.pthread_sigmask(signal.SIG_BLOCK, _INTERRUPT)
    with contextlib.suppress(OSError):
        os.execve(sys.executable, arguments, changed)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _INTERRUPT)


def begun_anew() -> None:
    """Where this process began anew, hear interrupts again, and one that came meanwhile.

    Raises:
        KeyboardInterrupt: when one did.
    """
    if BEFORE in os.environ:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _INTERRUPT)


class Shared:
    """Where the processes of all runs of this command come from, made when the first is wanted.

    Args:
        lasts: whether runs follow one another: then one process holds torch for all of them.
    """

    def __init__(self, *, lasts: bool = False) -> None:
        self._lasts, self._mark = lasts, _as_before()
        self._made: Forking | None = None

    def processes(self, needed: Sequence[str], *, full_run: bool) -> Processes | None:
        """Where they come from; None where each run may see to that by itself.

        Args:
            needed: modules that this process will import, torch among them.
            full_run: see ``Forking``.
        """
        if self._made is None and FORKS:
            if self._mark is not None and _imported_alone(needed):
                self._made = Forking(full_run=full_run, mark=self._mark, first=_forked)
            elif self._lasts:
                self._made = Forking(full_run=full_run)
        return self._made

    def get_ready(self) -> None:
        """Have what every check needs imported for the runs to come, while nobody waits."""
        if self._made is not None:
            self._made.get_ready()

    def close(self) -> None:
        """End them, and what descends from them."""
        if self._made is not None:
            self._made.close()
            self._made = None


def _imported_alone(needed: Sequence[str]) -> bool:
    """Import what this process needs; whether no other thread runs, which a fork would miss."""
    if threading.active_count() > 1:
        return False
    with uncollected():
        for name in needed:
            importlib.import_module(name)
    return threading.active_count() == 1  # a package may start one when it is imported


def _as_before() -> str | None:
    """Have the environment as it was; the mark, where this process began anew.

    But for what torch's libraries read, which are not there yet.
    """
    changed = os.environ.pop(BEFORE, None)
    if changed is None:
        return None
    mark = os.environ[descent.MARK]
    for name, value in json.loads(changed).items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    return mark


def _forked(control: int, errors: int, mark: str) -> Started:
    """The process that forks, as a fork of this one: it has torch, and has called nothing of it."""
    sys.stdout.flush()
    sys.stderr.flush()
    # In a fork that is not yet its own they would end the command's frames, a second time.
    held = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
    try:
        with warnings.catch_warnings():
            # Of threads: those of OpenBLAS see to themselves, and there are no others.
            warnings.simplefilter("ignore", DeprecationWarning)
            number = os.fork()
        if number == 0:
            _serve(control, errors, mark, held)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)
    return _Fork(number)


def _serve(control: int, errors: int, mark: str, held: Iterable[int]) -> NoReturn:
    """As that process would begin by itself: as a child's environment, files and path are."""
    try:
        os.setsid()
        for name in (signal.SIGTERM, signal.SIGHUP, signal.SIGALRM):
            signal.signal(name, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, held)
        nothing = os.open(os.devnull, os.O_RDWR)
        for descriptor, own in enumerate((nothing, nothing, errors)):
            os.dup2(own, descriptor)
        for descriptor in map(int, os.listdir("/proc/self/fd")):  # noqa: PTH208 (numbers)
            if descriptor > 2 and descriptor != control:
                with contextlib.suppress(OSError):  # that of the listing itself
                    os.close(descriptor)
        surrounding = surroundings(mark)
        os.environ.clear()
        os.environ.update(surrounding)
        sys.path[:] = child_path()
        server = importlib.import_module(_SERVER)
        sys.modules["__main__"] = server
        sys.argv[:] = [str(server.__file__), str(control)]
        server.serve(control)
    except BaseException:  # nothing of the command's own may run on here
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
    os._exit(0)


class _Fork:
    """A fork of this process, as ``subprocess.Popen`` would have it."""

    def __init__(self, number: int) -> None:
        self.pid = number
        self._status: int | None = None

    def poll(self) -> int | None:
        """The status; None while it runs."""
        if self._status is None:
            try:
                number, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:  # somebody else heard of its end: as subprocess has it
                number, status = self.pid, 0
            if number:
                self._status = os.waitstatus_to_exitcode(status)
        return self._status

    def wait(self, timeout: float | None = None) -> int:
        """The status, as soon as there is one.

        Raises:
            subprocess.TimeoutExpired: when there is none in time.
        """
        end = math.inf if timeout is None else time.monotonic() + timeout
        while (status := self.poll()) is None:
            if time.monotonic() > end:
                raise subprocess.TimeoutExpired(_SERVER, timeout or 0.0)
            time.sleep(0.002)
        return status

    def kill(self) -> None:
        """End it."""
        descent.end(self.pid)
