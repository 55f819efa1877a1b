"""Processes to do the work in: forked from one that holds torch already, so that each is cheap.

Where a library crashes often, the import of torch for each new process would take more time than
the work. The process that forks (``server``) imports torch, but never calls it and never
imports a target: its forks have no threads to miss, and each imports the target afresh. Elsewhere
than on Linux, where system libraries do not take forks well, each process is started anew.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import select
import signal
import socket
import struct
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import IO, Protocol

from conv_reference.verification.work import descent
from conv_reference.verification.work.starting import memory_file, popen, tail

FORKS = sys.platform == "linux"
# What is requested, and the number of a process; of a fork what is imported for the next.
MESSAGE = struct.Struct("=ci")
ANSWER = struct.Struct("=i")
FORK, STATUS, READY = b"f", b"s", b"r"  # to get ready is not answered
EVERY_CHECK, WORK, NOTHING = 1, 0, -1  # of it
RUNNING = 1 << 16  # no status is as large
_LAST = 5.0  # seconds that a process takes at most to be gone
_SERVER_LIMIT = 120.0  # seconds for an answer of the process that forks, which may import torch
_POLL = 0.05  # seconds
_SERVER = "conv_reference.verification.work.server"
_WORKER = "conv_reference.verification.work.worker"


class Process(ABC):
    """One that runs, and leaves a status."""

    @property
    @abstractmethod
    def pid(self) -> int:
        """Its number; 0 where it never came to be."""

    @abstractmethod
    def status(self) -> int | None:
        """As ``subprocess`` has it, the number of a signal negative; None while it runs."""

    def wait(self, limit: float) -> int | None:
        """The status, as soon as there is one.

        Args:
            limit: seconds, after which None is returned.
        """
        end = time.monotonic() + limit
        while (status := self.status()) is None and time.monotonic() < end:
            time.sleep(0.002)
        return status

    def kill(self) -> None:
        """End it, and what it started, in a group and a session of its own as well."""
        if not self.pid:
            return
        found = descent.descendants(self.pid)
        for kill in (os.killpg, os.kill):  # it may have no group of its own yet
            with contextlib.suppress(ProcessLookupError, PermissionError):
                kill(self.pid, signal.SIGKILL)
        for number in found:
            descent.end(number)
        self.wait(_LAST)

    def seen(self) -> descent.Seen | None:
        """What the system reports of it."""
        return descent.seen(self.pid) if self.pid else None

    @abstractmethod
    def is_over(self, seen: descent.Seen | None) -> bool:
        """Whether it has come to be, and to its end.

        Args:
            seen: what the system reports of it.
        """

    def said(self) -> bytes:
        """What is known of why it never came to be."""
        return b""


class Started(Protocol):
    """The process that forks, as ``subprocess.Popen`` has one."""

    pid: int

    def poll(self) -> int | None:
        """The status; None while it runs."""

    def wait(self, timeout: float | None = None) -> int:
        """The status, as soon as there is one."""

    def kill(self) -> None:
        """End it."""


Beginning = Callable[[int, int, str], Started]  # from its end of the socket, standard error, mark


class Processes(ABC):
    """Where processes come from."""

    @abstractmethod
    def start(self, connection: int, shared: int, errors: int) -> Process:
        """A process that serves; it is not waited for.

        Args:
            connection: the file descriptor of its end of a socket.
            shared: of the file in which it reports where it is.
            errors: of the file for its standard error.

        Raises:
            OSError: when the system starts none.
        """

    @abstractmethod
    def close(self) -> None:
        """Start no more; end what those that were started have left behind."""


class _Spawned(Process):
    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        return self._process.pid

    def status(self) -> int | None:
        return self._process.poll()

    def is_over(self, seen: descent.Seen | None) -> bool:  # noqa: ARG002 (its parent knows more)
        return self._process.poll() is not None


class Spawning(Processes):
    """Each is started anew, and imports torch.

    Args:
        marked: whether with the allocator's settings that make faults of memory show.
        python: the interpreter that runs it; None for this one.
    """

    def __init__(self, *, marked: bool = True, python: str | None = None) -> None:
        self._marked, self._python = marked, python
        self._mark = secrets.token_hex(8)

    def start(self, connection: int, shared: int, errors: int) -> Process:  # noqa: D102 (Processes says it)
        fds = connection, shared
        started = popen(_WORKER, fds, errors, self._mark, marked=self._marked, python=self._python)
        return _Spawned(started)

    def close(self) -> None:  # noqa: D102 (Processes says it)
        descent.end_marked(self._mark)


class Forking(Processes):
    """Each is forked from one process, which holds torch; where a target killed that, another.

    Args:
        python: the interpreter that runs it; None for this one.
        full_run: whether it imports what every check together needs, before it forks; None where
            it imports torch, and nothing else.
        mark: by which all that descends from it is known; None makes one up.
        first: begins the first of them, where that is not started anew.
    """

    def __init__(
        self,
        python: str | None = None,
        *,
        full_run: bool | None = True,
        mark: str | None = None,
        first: Beginning | None = None,
    ) -> None:
        self._python = python
        self._ahead = NOTHING if full_run is None else EVERY_CHECK if full_run else WORK
        self._mark = secrets.token_hex(8) if mark is None else mark
        self._server = Server(self._mark, first or self._begun)
        self._lost_one = False

    def _begun(self, control: int, errors: int, mark: str) -> Started:
        return popen(_SERVER, (control,), errors, mark, python=self._python)

    def start(self, connection: int, shared: int, errors: int) -> Process:  # noqa: D102 (Processes says it)
        if self._server.has_ended:
            self._server.close()
            self._lost_one = True
            self._server = Server(self._mark, self._begun)
        fds = connection, shared, errors
        return _Forked(self._server, self._server.fork(fds, self._ahead))

    def get_ready(self) -> None:
        """Import what every check together needs, while nobody waits for a process."""
        self._server.get_ready()

    def close(self) -> None:
        """End the process that forks, and all that descends from it."""
        self._server.close()
        if self._lost_one:  # what it had adopted is nobody's now
            descent.end_marked(self._mark)


class Server:
    """The process that forks: see ``server``."""

    def __init__(self, mark: str, begin: Beginning) -> None:
        with contextlib.ExitStack() as held:
            self._socket, theirs = socket.socketpair()
            held.callback(self._socket.close)
            self._errors: IO[bytes] = held.enter_context(memory_file("server"))
            with theirs:
                self._process = begin(theirs.fileno(), self._errors.fileno(), mark)
            held.pop_all()
        self._asked = 0  # processes, altogether
        self._numbers: list[int] = []  # of those whose number has come
        self._is_lost = False
        self._said: bytes | None = None  # at its end

    @property
    def has_ended(self) -> bool:
        """Whether it forks no more; where it was stopped, it is continued first."""
        if self._process.poll() is None and not self._is_lost:
            self._awake()
        return self._process.poll() is not None or self._is_lost

    def fork(self, fds: tuple[int, int, int], ahead: int) -> int:
        """Request a process; its place among all that were.

        Args:
            fds: that it is handed.
            ahead: what is imported when it is forked, for the next.
        """
        message = [MESSAGE.pack(FORK, ahead)]
        try:
            socket.send_fds(self._socket, message, fds, socket.MSG_DONTWAIT)
        except OSError:
            self._is_lost = True
        self._asked += 1
        return self._asked - 1

    def get_ready(self) -> None:
        """Request the imports that every check needs; nothing of one that has ended."""
        with contextlib.suppress(OSError):
            self._socket.sendall(MESSAGE.pack(READY, EVERY_CHECK), socket.MSG_DONTWAIT)

    def number(self, place: int) -> int:
        """The number of the process that was requested in this place; 0 where the server died."""
        while len(self._numbers) <= place:
            self._numbers.append(self._answer() or 0)
        return self._numbers[place]

    def has_started(self, place: int) -> bool:
        """Whether that process has come to be; the server may still import torch."""
        if len(self._numbers) <= place:
            self._awake()
        while len(self._numbers) <= place and self._is_readable(0):
            self._numbers.append(self._answer() or 0)
        return len(self._numbers) > place and self._numbers[place] > 0

    def status(self, number: int) -> int | None:
        """What has become of a process; the server's own status where that has ended."""
        self.number(self._asked - 1)  # the answers before this one
        with contextlib.suppress(OSError):
            self._socket.sendall(MESSAGE.pack(STATUS, number), socket.MSG_DONTWAIT)
        answer = self._answer()
        if answer is None:
            return self._own_status()
        return None if answer == RUNNING else answer

    def said(self) -> bytes:
        """The end of what the server wrote to standard error."""
        return tail(self._errors) if self._said is None else self._said

    def close(self) -> None:
        """End it, and what descends from it; what it had forked may still be asked for."""
        if any(self._numbers) or self._is_readable(0):
            descent.end_descendants(self._process.pid)
        self._socket.close()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._own_status()
        self._is_lost, self._said = True, self.said()
        self._errors.close()

    def _own_status(self) -> int:
        """How it ended itself; where it has not, it does now."""
        try:
            return self._process.wait(0.5 if not self._is_lost else 0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                return self._process.wait(_LAST)
            return -signal.SIGKILL

    def _answer(self) -> int | None:
        """The next answer; None where the server has ended, or does not answer any more."""
        end = time.monotonic() + _SERVER_LIMIT
        while not self._is_lost and not self._is_readable(_POLL):
            self._awake()
            self._is_lost = time.monotonic() > end
        if not self._is_lost:
            with contextlib.suppress(OSError):
                received = self._socket.recv(ANSWER.size, socket.MSG_DONTWAIT)
                if len(received) == ANSWER.size:
                    number: int = ANSWER.unpack(received)[0]
                    return number
        self._is_lost = True
        return None

    def _is_readable(self, seconds: float) -> bool:
        if self._said is not None:  # it is closed
            return False
        return bool(select.select([self._socket], [], [], seconds)[0])

    def _awake(self) -> None:
        """Continue it where somebody stopped it: nobody else would, and its forks wait for it."""
        found = descent.seen(self._process.pid)
        if found is not None and found.is_stopped:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(self._process.pid, signal.SIGCONT)


class _Forked(Process):
    def __init__(self, server: Server, place: int) -> None:
        self._server, self._place = server, place
        self._status: int | None = None

    @property
    def pid(self) -> int:
        return self._server.number(self._place)

    def status(self) -> int | None:
        if self._status is None:
            self._status = self._server.status(self.pid)
        return self._status

    def kill(self) -> None:
        if self._status is None and self._server.has_started(self._place):
            super().kill()  # otherwise it ends with the server, or for want of a connection

    def seen(self) -> descent.Seen | None:
        return super().seen() if self._server.has_started(self._place) else None

    def is_over(self, seen: descent.Seen | None) -> bool:
        return self._server.has_started(self._place) and (seen is None or seen.has_ended)

    def said(self) -> bytes:
        return b"" if self.pid else self._server.said()


def cheapest(
    python: str | None = None, *, forks: bool = True, full_run: bool | None = True
) -> Processes:
    """The cheapest that this system can do.

    Args:
        python: the interpreter that runs them; None for this one.
        forks: whether they may be forked; those that may not be have memory as it comes.
        full_run: see ``Forking``.
    """
    if forks and FORKS:
        return Forking(python, full_run=full_run)
    return Spawning(marked=forks, python=python)
