"""One child process as its parent sees it: what it was sent, where it is, and how it ended."""

from __future__ import annotations

import contextlib
import re
import signal
import socket
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any

from conv_reference.verification.model.judgement import Crash
from conv_reference.verification.model.printable import MOST_SHOWN, one_line
from conv_reference.verification.options.clock import MOST_WAITS
from conv_reference.verification.work import descent, wire
from conv_reference.verification.work.backend import Item
from conv_reference.verification.work.frames import BadFrame, Channel
from conv_reference.verification.work.identity import identity
from conv_reference.verification.work.messages import LOST, Place, Start, Work
from conv_reference.verification.work.pace import Size
from conv_reference.verification.work.processes import Processes
from conv_reference.verification.work.starting import memory_file, tail
from conv_reference.verification.work.suspects import REMEMBERED, Suspicion

FIRST = 3  # times its limit, for what a process does first, as long as it works: it may compile
_IDLE = 0.02  # of the time: a process that waits for the processor gets more, one that sleeps less
_STOPPED = 0.5  # seconds that a process may be stopped
_FAREWELL = 5.0  # seconds from the last word of a process to its end
STOPPED, GARBLED = "stopped by a signal", "sent what is no answer"
# What may have been done to it from outside as well as by what it was at.
_BY_OTHERS = frozenset({"killed by SIGKILL", "killed by SIGTERM", STOPPED})


@dataclass
class Piece:
    """Items that travel together, with the results so far."""

    numbers: tuple[int, ...]  # of its items among all
    items: tuple[Item, ...]
    sizes: tuple[Size, ...] = ()
    done: int = 0
    suspicion: Suspicion | None = None  # where it is one item, to be tried alone

    def part(self, start: int, stop: int | None = None) -> Piece:
        """Some of its items, of which nothing is done."""
        chosen = slice(start, stop)
        return Piece(self.numbers[chosen], self.items[chosen], self.sizes[chosen])

    def item(self, place: int) -> Suspicion:
        """One of its items, which nobody suspects yet."""
        size = self.sizes[place] if self.sizes else None
        return Suspicion(self.numbers[place], self.items[place], size)


class Child:
    """One process, and the work that it has.

    Raises:
        OSError: when the system starts none.
    """

    def __init__(self, start: Start, processes: Processes) -> None:
        with contextlib.ExitStack() as held:
            self._shared = held.enter_context(memory_file("place"))
            self._shared.write(bytes(Place.SIZE))
            self._shared.flush()
            self._place = held.enter_context(contextlib.closing(Place(self._shared.fileno())))
            self._errors: IO[bytes] = held.enter_context(memory_file("errors"))
            ours, theirs = socket.socketpair()
            held.callback(ours.close)
            with theirs:
                fds = theirs.fileno(), self._shared.fileno(), self._errors.fileno()
                self.process = processes.start(*fds)
            self._held = held.pop_all()
        self.channel = Channel(ours)
        self.channel.send(identity())
        self.channel.send(wire.encoded(start))
        self.begun = time.monotonic()
        self.ready = False
        self.piece: Piece | None = None
        self.finished = 0  # items
        # The last that it has done, the latest first: of a crash each may be the cause.
        self.past: deque[Suspicion] = deque(maxlen=REMEMBERED)
        self._seen = -1
        self._worked = 0.0  # seconds of processor time, when the item was begun
        # What it was asked for last before it was ready; since when, and its time of work then.
        self._noted, self._noted_at, self._noted_work = "", self.begun, 0.0
        self._stopped_since: float | None = None

    @property
    def is_fresh(self) -> bool:
        """Whether it has done nothing yet."""
        return self.finished == 0

    def assign(self, piece: Piece, work: Work) -> None:
        """Send a piece of work."""
        self.piece, self._seen = piece, -1
        self._place.begin(0)
        self.begins()
        self.channel.send(wire.encoded(work))

    def begins(self) -> None:
        """Start the clock: it is at something else now."""
        self.begun, self._worked = time.monotonic(), self._own_time()

    @property
    def waited(self) -> float:
        """Seconds since the clock was started."""
        return time.monotonic() - self.begun

    def receive(self) -> tuple[list[Any], str]:
        """What it has sent, and how it broke off; empty where it did not."""
        broken = ""
        try:
            payloads = self.channel.receive()
        except BadFrame:
            return [], GARBLED
        messages = []
        try:
            for payload in payloads:
                messages.append(wire.decoded(payload))  # noqa: PERF401 (those before a bad one count)
        except wire.NotAdmitted as error:
            broken = f"{GARBLED}: {error}"
        except Exception:  # anything may come of bytes that are no pickle
            broken = GARBLED
        return messages, broken

    def current(self) -> int:
        """The place in its piece at which it is; a new one starts the clock again."""
        assert self.piece is not None
        number = min(max(self._place.number, self.piece.done), len(self.piece.items) - 1)
        if number != self._seen:
            self._seen = number
            self.begins()
        return number

    @property
    def asked(self) -> str:
        """What the target was asked for last, where that is not the item itself."""
        return self._place.asked

    @property
    def quantity(self) -> str:
        """What the target was to compute last, as far as it is known."""
        return self._place.quantity

    def look(self) -> bool:
        """See how it is; whether it has ended, of which a fork may keep the connection open."""
        seen = self.process.seen()
        if seen is None or not seen.is_stopped:
            self._stopped_since = None
        elif self._stopped_since is None:
            self._stopped_since = time.monotonic()
        return self.process.is_over(seen)

    def _stopped_for(self) -> float:
        """Seconds, as far as ``look`` saw."""
        return 0.0 if self._stopped_since is None else time.monotonic() - self._stopped_since

    def hangs(self, limit: float) -> bool:
        """Whether its item is not coming back."""
        alone = self.is_fresh and self.current() == 0
        return self._late(limit, first=alone)

    def is_late(self, limit: float) -> bool:
        """Whether what it is at takes longer than on a free machine it may."""
        return self._late(limit)

    def sleeps(self, limit: float) -> bool:
        """Whether its item, which is not its first, has done next to nothing for so long."""
        alone = self.is_fresh and self.current() == 0
        return not alone and is_asleep(self.waited, lambda: self._all_time() - self._worked, limit)

    def sleeps_at_a_call(self, limit: float) -> bool:
        """The same of what it was asked for last, before it is ready."""
        if self.asked != self._noted:
            self._noted, self._noted_at = self.asked, time.monotonic()
            self._noted_work = self._all_time()
        waited = time.monotonic() - self._noted_at
        return is_asleep(waited, lambda: self._all_time() - self._noted_work, limit)

    def _late(self, limit: float, *, first: bool = False) -> bool:
        waited = self.waited
        if waited <= limit:
            return False
        return hangs(waited, self._all_time() - self._worked, limit, first=first)

    def _all_time(self) -> float:
        """Seconds that it, and what descends from it, have worked."""
        others = descent.descendants(self.process.pid).values()
        return self._own_time() + sum(seen.worked for seen in others)

    def _own_time(self) -> float:
        """Seconds that all its threads have worked; 0 where the system does not report it."""
        seen = self.process.seen()
        return 0.0 if seen is None else seen.worked

    def gone(self, broken: str, *, is_over: bool) -> Crash | None:
        """How it is lost; None where it is not.

        Args:
            broken: what ``receive`` said.
            is_over: what ``look`` said before that.
        """
        if broken:
            return Crash(broken, self.said())
        if self.channel.has_ended or is_over:
            return self._ended()
        return Crash(STOPPED) if self._stopped_for() > _STOPPED else None

    def _ended(self) -> Crash:
        """How the process ended."""
        status = self.process.wait(_FAREWELL)
        if status is None:
            return Crash("closed its connection", self.said())
        with contextlib.suppress(ValueError):
            if status < 0:
                return Crash(f"killed by {signal.Signals(-status).name}", self.said())
        if status == LOST:
            return Crash("lost its device", self.said())
        return Crash(f"left the process with status {status}", self.said(), left=True)

    def stop(self) -> None:
        """End it, and what it started."""
        self.process.kill()
        self.release()

    def release(self) -> None:
        """Let go of what belongs to it; the process itself comes to its end."""
        self._held.close()

    def said(self) -> str:
        """The last line that it wrote to standard error, but for a stack that follows it."""
        said = tail(self._errors) or self.process.said()
        return last_words(said.decode(errors="replace"))


def last_words(said: str) -> str:
    r"""What a process wrote last, in one line; of a library that prints its stack, what is above.

    >>> last_words("dot.cc:7] Check failed: n > 0\n*** Check failure stack trace: ***\n @ 0x7f f()")
    'dot.cc:7] Check failed: n > 0'

    Args:
        said: what it wrote to standard error, from some line on.
    """
    lines = said.strip().splitlines()
    above = [line for line in lines if line.strip() and not _OF_A_STACK.match(line)]
    last = (above or lines)[-1:]
    return one_line(last[0][:MOST_SHOWN]) if last else ""


# As glog, absl and sanitizers print them.
_OF_A_STACK = re.compile(r"\s*(@\s+0x|#\d+\s+0x|\*\*\* .*\*\*\*$)")


def hangs(waited: float, worked: float, limit: float, *, first: bool = False) -> bool:
    """Whether an item is not coming back: a right but slow one takes long on a busy machine.

    Args:
        waited: seconds since it was begun.
        worked: seconds of processor time that it has had since, with what descends from it; 0
            where that is not known.
        limit: seconds that it may take on a free machine.
        first: whether it is the first that its process does.
    """
    if waited <= limit:
        return False
    most = limit * FIRST if first else limit
    return worked > 0.9 * most or worked < _IDLE * waited or waited > MOST_WAITS * most


def is_asleep(waited: float, worked: Callable[[], float], limit: float) -> bool:
    """Whether a process has waited for longer than the limit, and has not worked meanwhile.

    A right one works, however slow it is, or waits for a processor that others have: of that it
    gets some.

    Args:
        waited: seconds since it began.
        worked: how many seconds of processor time it has had since; asked for beyond the limit.
        limit: seconds.
    """
    return waited > limit and worked() < _IDLE * waited


def may_be_killed(crash: Crash) -> bool:
    """Whether another process may have sent the signal that ended this one."""
    return crash.how in _BY_OTHERS


def may_be_others(crash: Crash) -> bool:
    """Whether what ended the process may have come from outside."""
    return crash.hung or may_be_killed(crash)
