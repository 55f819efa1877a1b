"""Work in child processes: a crash or a hang costs one case, and the run goes on."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import IO, Any

from conv_reference.verification.model.errors import TargetError
from conv_reference.verification.model.judgement import Crash
from conv_reference.verification.work.messages import (
    Broken,
    Described,
    Place,
    Start,
    Target,
    Unreached,
    Work,
    attempt,
)
from conv_reference.verification.work.processes import FORKS, Processes, cheapest, tail

START_LIMIT = 120.0  # seconds to import torch and the target
MOST_WAITS = 4  # times an item's limit, while the processor is busy with others
_IDLE = 0.02  # of the time: a process that waits for the processor gets more, one that sleeps less
MOST_CHILDREN = 4  # by default: each is a process with torch in it
_POLL = 0.1  # seconds
_LEAST_LIMIT, _TIMES_SLOWEST = 3.0, 20
_MOST_SAID = 300  # characters of its last line
_FAREWELL = 5.0  # seconds from the last word of a process to its end

Item = Any
Result = Any


class _Child:
    """One process, and the work that it has."""

    def __init__(
        self, target: str, processes: Processes, *, full_run: bool, only_describe: bool = False
    ) -> None:
        ours, theirs = socket.socketpair()
        self._shared = tempfile.TemporaryFile()  # noqa: SIM115 (closed by stop)
        self._shared.write(bytes(Place.SIZE))
        self._shared.flush()
        self._place = Place(self._shared.fileno())
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (as above)
        self.process = processes.start(
            theirs.fileno(), self._shared.fileno(), self._errors.fileno()
        )
        theirs.close()
        self.connection = Connection(ours.detach())
        self.connection.send(Start(target, tuple(sys.path), full_run, only_describe))
        self.begun = time.monotonic()
        self.ready = False
        self.piece: _Piece | None = None
        self.slowest = 0.0  # seconds that an item took at most which came to its end
        self._seen = -1
        self._worked = 0.0  # seconds of processor time, when the item was begun

    def assign(self, piece: _Piece, work: Work) -> None:
        """Send a piece of work."""
        self.piece, self._seen = piece, -1
        self._place.begin(0)
        self.begun, self._worked = time.monotonic(), self._processor_time()
        self.connection.send(work)

    def current(self) -> int:
        """The number of the item that it is at; a new one starts the clock again."""
        number = self._place.number
        if number != self._seen:
            if self._seen >= 0:
                self.slowest = max(self.slowest, time.monotonic() - self.begun)
            self._seen, self.begun = number, time.monotonic()
            self._worked = self._processor_time()
        return number

    @property
    def asked(self) -> str:
        """What the target was asked for last, where that is not the item itself."""
        return self._place.asked

    def hangs(self, limit: float) -> bool:
        """Whether its item is not coming back."""
        self.current()
        waited = time.monotonic() - self.begun
        return hangs(waited, self._processor_time() - self._worked, limit)

    def _processor_time(self) -> float:
        """Seconds that all its threads have worked; 0 where the system does not tell."""
        try:
            stat = Path(f"/proc/{self.process.pid}/stat").read_bytes()
        except OSError:
            return 0.0
        fields = stat.rpartition(b")")[2].split()  # what is before may hold blanks
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def ended(self) -> Crash:
        """How the process ended."""
        status = self.process.wait(_FAREWELL)
        if status is None:
            return Crash("closed its connection", self._said())
        with contextlib.suppress(ValueError):
            if status < 0:
                return Crash(f"killed by {signal.Signals(-status).name}", self._said())
        return Crash(f"left the process with status {status}", self._said())

    def stop(self) -> None:
        """End it, and what it started."""
        self.process.kill()
        self.release()

    def release(self) -> None:
        """Let go of what belongs to it; the process itself comes to its end."""
        self.connection.close()
        self._place.close()
        self._shared.close()
        self._errors.close()

    def _said(self) -> str:
        said = tail(self._errors) or self.process.said()
        lines = said.decode(errors="replace").strip().splitlines()
        return lines[-1][:_MOST_SAID] if lines else ""


@dataclass
class _Piece:
    """Items that travel together, with the results so far."""

    first: int  # the number of its first item among all
    items: tuple[Item, ...]
    done: int = 0


def hangs(waited: float, worked: float, limit: float) -> bool:
    """Whether an item is not coming back: a right but slow one takes long on a busy machine.

    Args:
        waited: seconds since it was begun.
        worked: seconds of processor time that it has had since; 0 where nobody tells.
        limit: seconds that it may take on a free machine.
    """
    if waited <= limit:
        return False
    return worked > 0.9 * limit or worked < _IDLE * waited or waited > MOST_WAITS * limit


def usual_count() -> int:
    """One child for each core, up to four."""
    return min(MOST_CHILDREN, os.cpu_count() or 1)


@dataclass
class Children:
    """A few child processes that share the work on one target.

    Raises:
        TargetError: when the target cannot be imported there.
    """

    target_name: str
    count: int = field(default_factory=usual_count)
    limit: float = 20.0  # seconds for each item, until one has taken them
    full_run: bool = False  # whether a whole run follows, for which more is imported beforehand
    _children: list[_Child] = field(default_factory=list)
    _describer: _Child | None = None  # of a whole run: it is there sooner than the others
    _target: Target | None = None
    source: Processes | None = None  # of others, that is theirs to close
    _own: Processes | None = None
    _slowest: float = 0.0
    _hung: bool = False

    @property
    def processes(self) -> tuple[int, ...]:
        """The numbers of those that run."""
        return tuple(child.process.pid for child in self._children)

    def start(self) -> None:
        """Let them begin to import torch and the target; nothing is waited for."""
        if self.full_run and FORKS and not self._children:
            self._describer = _Child(
                self.target_name, self._processes(), full_run=False, only_describe=True
            )
        self._fill(self.count, full_run=self.full_run)

    def describe(self) -> Target:
        """The target, without what can be called."""
        self.start()
        while self._target is None:
            self._await()
        return self._target

    def run(
        self,
        function: Callable[[Target, Any, Any], Any],
        items: Sequence[Item],
        argument: Any,
        *,
        deadline: float | None = None,
        size: int = 64,
    ) -> Iterator[tuple[int, Result | Crash | Broken]]:
        """Results by their item's number, in the order in which they come.

        Args:
            function: called as ``function(target, item, argument)``; importable.
            items: what it is called with; picklable.
            argument: the same for all.
            deadline: of ``time.monotonic``, after which no further item is begun.
            size: how many items travel together.
        """
        waiting = [
            _Piece(first, tuple(items[first : first + size]))
            for first in range(0, len(items), size)
        ][::-1]
        self._fill(min(self.count, len(waiting)))
        while True:
            if deadline is not None and time.monotonic() > deadline:
                waiting.clear()
            for child in self._children:
                if child.ready and child.piece is None and waiting:
                    piece = waiting.pop()
                    child.assign(piece, Work(function, piece.items, argument, deadline))
            if not waiting and all(child.piece is None for child in self._children):
                return
            yield from self._await(waiting)

    def close(self) -> None:
        """End all processes."""
        for child in self._running():
            child.stop()
        self._children.clear()
        self._describer = None
        if self._own is not None:
            self._own.close()
            self._own = None

    def another(self) -> Children:
        """One child more, which knows nothing of what these have done."""
        return Children(self.target_name, 1, self.limit, source=self._processes())

    def _fill(self, count: int, *, full_run: bool = False) -> None:
        while len(self._children) < count:
            self._children.append(_Child(self.target_name, self._processes(), full_run=full_run))

    def _processes(self) -> Processes:
        if self.source is None and self._own is None:
            self._own = cheapest()
        source = self.source or self._own
        assert source is not None
        return source

    def _await(self, waiting: list[_Piece] | None = None) -> list[tuple[int, Result | Crash]]:
        """Wait for a moment, and gather what has come, crashes included."""
        results: list[tuple[int, Result | Crash]] = []
        by_connection = {child.connection: child for child in self._running()}
        for connection in wait(list(by_connection), timeout=_POLL):
            child = by_connection[connection]  # type: ignore[index]  # `wait` hands back what it was given
            try:
                message = child.connection.recv()
            except (EOFError, ConnectionResetError):
                results += self._lost(child, child.ended(), waiting)
                continue
            results += self._received(child, message)
        for child in self._running():
            results += self._overdue(child, waiting)
        return results

    def _running(self) -> list[_Child]:
        return [child for child in (self._describer, *self._children) if child is not None]

    def _received(self, child: _Child, message: Any) -> list[tuple[int, Result]]:
        if child is self._describer:
            self._describer = None
            child.release()  # to wait for its end would be to wait for those that are forked next
        if isinstance(message, TargetError):
            raise message
        if isinstance(message, Described):
            self._target, child.ready = message.target, True
            return []
        piece = child.piece
        assert piece is not None
        first = piece.first + piece.done
        piece.done += len(message)
        if piece.done == len(piece.items):
            child.piece = None
        numbered = enumerate(message, start=first)
        return [(number, result) for number, result in numbered if result != Unreached()]

    def _overdue(
        self, child: _Child, waiting: list[_Piece] | None
    ) -> list[tuple[int, Result | Crash]]:
        if not child.ready:
            if time.monotonic() - child.begun > START_LIMIT:
                self._drop(child)
                raise TargetError(
                    f"cannot import {self.target_name!r}: not done within {START_LIMIT:.0f} s"
                )
            return []
        if child.piece is None:
            return []
        limit = self._patience()
        if not child.hangs(limit):
            self._slowest = max(self._slowest, child.slowest)
            return []
        self._hung = True
        return self._lost(child, Crash(f"did not return within {limit:g} s", hung=True), waiting)

    def _patience(self) -> float:
        """Where one item hung, others will: then many times what any other took is enough."""
        if not self._hung:
            return self.limit
        return min(self.limit, max(_LEAST_LIMIT, float(math.ceil(_TIMES_SLOWEST * self._slowest))))

    def _lost(
        self, child: _Child, crash: Crash, waiting: list[_Piece] | None
    ) -> list[tuple[int, Result | Crash]]:
        """A process is gone: its item is to blame, the others of its piece go to another."""
        piece = child.piece
        at = child.current() if piece is not None else 0
        crash = replace(crash, asked=child.asked)
        self._drop(child)
        if piece is None and child.ready:  # it died while it had nothing to do
            self._fill(self.count)
            return []
        if piece is None:
            said = f": {crash.said}" if crash.said else ""
            raise TargetError(f"cannot import {self.target_name!r}: {crash.how}{said}")
        for start, stop in ((piece.done, at), (at + 1, len(piece.items))):
            if start < stop and waiting is not None:
                waiting.append(_Piece(piece.first + start, piece.items[start:stop]))
        if waiting:
            self._fill(self.count)
        return [(piece.first + at, crash)]

    def _drop(self, child: _Child) -> None:
        if child is self._describer:
            self._describer = None
        else:
            self._children.remove(child)
        child.stop()


@dataclass
class Here:
    """The same, in this process: for functions that cannot be imported, and for debuggers."""

    target: Target

    def describe(self) -> Target:
        """The target itself."""
        return self.target

    def run(
        self,
        function: Callable[[Target, Any, Any], Any],
        items: Sequence[Item],
        argument: Any,
        *,
        deadline: float | None = None,
        size: int = 64,  # noqa: ARG002 (the children's protocol)
    ) -> Iterator[tuple[int, Result | Crash | Broken]]:
        """See ``Children.run``; here, a crash is everybody's."""
        for number, item in enumerate(items):
            if deadline is not None and time.monotonic() > deadline:
                return
            yield number, attempt(function, self.target, item, argument)

    def close(self) -> None:
        """Nothing to end."""


Backend = Children | Here
