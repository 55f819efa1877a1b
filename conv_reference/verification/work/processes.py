"""Processes to do the work in: forked from one that holds torch already, so that each is cheap.

Where a library crashes often, the import of torch for each new process would take more time than
the work. The process that forks (``worker.serve``) imports torch, but never calls it and never
imports a target: its forks have no threads to miss, and each imports the target afresh. Elsewhere
than on Linux, where system libraries do not take forks well, each process is started anew.

Memory that they allocate is filled with a pattern first (glibc's ``MALLOC_PERTURB_``),
so that a result that was never written shows: 0x7F in every byte is a NaN in float16 and a
huge number in the other dtypes, which no sum hides. glibc's per-thread cache is turned off,
for what it hands out again is not filled. Its checking allocator is preloaded: each block ends in
a mark, and a process dies as soon as it frees a block whose mark was written over. Without it
released kernels have been seen to write outside their blocks and to answer right all the same.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import IO

FORKS = sys.platform == "linux"
MESSAGE = struct.Struct("=ci")  # what is asked, and the number of a process
ANSWER = struct.Struct("=i")
FORK, STATUS = b"f", b"s"
RUNNING = 1 << 16  # no status is as large
_LAST = 5.0  # seconds that a process takes at most to be gone
_WORKER = "conv_reference.verification.work.worker"
_CHECKING = "libc_malloc_debug.so.0"  # comes with glibc from 2.34 on; before, it needs none
_PERTURB = {
    "MALLOC_PERTURB_": "128",
    "GLIBC_TUNABLES": "glibc.malloc.tcache_count=0",
    "MALLOC_CHECK_": "3",  # say what is damaged, and abort
    # Threads that spin while they wait take the processor from the other children.
    "OMP_WAIT_POLICY": "passive",
}
# oneDNN searches all of its cache for the eldest kernel with each new one, and here nearly every
# call brings new ones: a tenth of the time. What one case repeats fits into this.
_CACHE = {"ONEDNN_PRIMITIVE_CACHE_CAPACITY": "128"}


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
        """End it, and what it started."""
        for kill in (os.killpg, os.kill):  # it may have no group of its own yet
            with contextlib.suppress(ProcessLookupError, PermissionError):
                kill(self.pid, signal.SIGKILL)
        self.wait(_LAST)

    def said(self) -> bytes:
        """What is known of why it never came to be."""
        return b""


class Processes(ABC):
    """Where processes come from."""

    @abstractmethod
    def start(self, connection: int, shared: int, errors: int) -> Process:
        """A process that serves; it is not waited for.

        Args:
            connection: the file descriptor of its end of a socket.
            shared: of the file in which it tells where it is.
            errors: of the file for its standard error.
        """

    @abstractmethod
    def close(self) -> None:
        """Start no more; those that run are their owners' to end."""


class _Spawned(Process):
    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        return self._process.pid

    def status(self) -> int | None:
        return self._process.poll()


class Spawning(Processes):
    """Each is started anew, and imports torch."""

    def start(self, connection: int, shared: int, errors: int) -> Process:  # noqa: D102 (Processes says it)
        return _Spawned(popen((connection, shared), errors))

    def close(self) -> None:
        """Nothing to end."""


class Forking(Processes):
    """Each is forked from one process, which holds torch; where a target killed that, another."""

    def __init__(self) -> None:
        self._server = _Server()

    def start(self, connection: int, shared: int, errors: int) -> Process:  # noqa: D102 (Processes says it)
        if self._server.has_ended:
            self._server.close()
            self._server = _Server()
        return _Forked(self._server, self._server.fork(connection, shared, errors))

    def close(self) -> None:
        """End the process that forks."""
        self._server.close()


class _Server:
    """The process that forks: see ``worker.serve``."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (closed by close)
        self._process = popen((theirs.fileno(),), self._errors.fileno())
        theirs.close()
        self._socket = ours
        self._asked = 0  # how many processes, and for how many of them the number has come
        self._numbers: list[int] = []

    @property
    def has_ended(self) -> bool:
        """Whether it forks no more."""
        return self._process.poll() is not None

    def fork(self, connection: int, shared: int, errors: int) -> int:
        """Ask for a process; its place among all that were asked for."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            message = [MESSAGE.pack(FORK, 0)]
            socket.send_fds(self._socket, message, (connection, shared, errors))
        self._asked += 1
        return self._asked - 1

    def number(self, place: int) -> int:
        """The number of the process that was asked for in this place; 0 where the server died."""
        while len(self._numbers) <= place:
            self._numbers.append(self._answer() or 0)
        return self._numbers[place]

    def has_started(self, place: int) -> bool:
        """Whether that process has come to be; the server may still import torch."""
        while len(self._numbers) <= place and select.select([self._socket], [], [], 0)[0]:
            self._numbers.append(self._answer() or 0)
        return len(self._numbers) > place and self._numbers[place] > 0

    def status(self, number: int) -> int | None:
        """What has become of a process; the server's own status where that has ended."""
        self.number(self._asked - 1)  # the answers before this one
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._socket.sendall(MESSAGE.pack(STATUS, number))
        answer = self._answer()
        if answer is None:
            return self._process.wait()
        return None if answer == RUNNING else answer

    def said(self) -> bytes:
        """The end of what the server wrote to standard error."""
        return tail(self._errors)

    def close(self) -> None:
        """End it."""
        self._socket.close()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._errors.close()

    def _answer(self) -> int | None:
        """The next answer; None where the server has ended."""
        with contextlib.suppress(ConnectionResetError):
            received = self._socket.recv(ANSWER.size, socket.MSG_WAITALL)
            if len(received) == ANSWER.size:
                number: int = ANSWER.unpack(received)[0]
                return number
        return None


class _Forked(Process):
    def __init__(self, server: _Server, place: int) -> None:
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

    def said(self) -> bytes:
        return b"" if self.pid else self._server.said()


def cheapest() -> Processes:
    """The cheapest that this system can do."""
    return Forking() if FORKS else Spawning()


def popen(fds: Sequence[int], errors: int) -> subprocess.Popen[bytes]:
    """A worker, on dirtied memory: what of a result was never written shows."""
    return subprocess.Popen(
        [sys.executable, "-m", _WORKER, *map(str, fds)],
        pass_fds=fds,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=errors,
        env={
            **_CACHE,
            **os.environ,
            **_PERTURB,
            **_preload(),
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        },
        start_new_session=True,  # Ctrl-C is ours to answer
    )


def _preload() -> dict[str, str]:
    """The allocator that checks, where there is one and no other was asked for."""
    if os.environ.get("LD_PRELOAD"):
        return {}
    try:
        mapped = Path("/proc/self/maps").read_text(encoding="utf-8").split()
    except OSError:
        return {}
    libc = next((Path(word) for word in mapped if re.search(r"/libc[.-][^/]*so", word)), None)
    if libc is None or not (checking := libc.with_name(_CHECKING)).exists():
        return {}
    return {"LD_PRELOAD": str(checking)}


def tail(file: IO[bytes], most: int = 2000) -> bytes:
    """The last bytes of a file."""
    file.seek(0, os.SEEK_END)
    file.seek(max(0, file.tell() - most))
    return file.read()
