"""Work in child processes: a crash or a hang costs one case, and the run goes on.

Every wait has a limit. Once there are results none is thrown away: where no further process can
be started the rest is not reached, and ``notes`` says why.
"""

from __future__ import annotations

import math
import os
import selectors
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from conv_reference.verification.model.errors import TargetError
from conv_reference.verification.model.judgement import Crash
from conv_reference.verification.model.notes import Note, NoteKind
from conv_reference.verification.options import MOST_CHILDREN
from conv_reference.verification.work.backend import Item, Result
from conv_reference.verification.work.child import (
    GARBLED,
    Child,
    Piece,
    may_be_others,
)
from conv_reference.verification.work.job import Job, is_tried_in_quiet, piece_for
from conv_reference.verification.work.launching import MOST_STARTS, Launcher, Setup
from conv_reference.verification.work.messages import (
    CALLED,
    OPENED,
    Broken,
    Described,
    Results,
    Target,
    Work,
)
from conv_reference.verification.work.pace import Size
from conv_reference.verification.work.patience import ASLEEP, LIMIT, Patience
from conv_reference.verification.work.pieces import cut
from conv_reference.verification.work.processes import FORKS, Processes
from conv_reference.verification.work.suspects import Suspicion

START_LIMIT = 120.0  # seconds to import torch and the target
_POLL = 0.1  # seconds
_GRACE = 1.0  # seconds beyond a deadline for what is under way


def number_of(workers: int | None = None) -> int:
    """How many children: as many as are asked for, or one for each core, up to a few."""
    return min(MOST_CHILDREN, os.cpu_count() or 1) if workers is None else workers


@dataclass
class Children:
    """A ``Backend``: a few child processes that share the work on one target.

    Raises:
        TargetError: when the target cannot be imported there, as long as there is no result.
    """

    target_name: str
    count: int = field(default_factory=number_of)
    limit: float = LIMIT
    full_run: bool = False  # whether a whole run follows, for which more is imported beforehand
    quick: bool = False  # whether that run is over before all of it would be imported
    source: Processes | None = None  # of others, that is theirs to close
    setup: Setup = field(default_factory=Setup)
    has_results: bool = False  # whether there are any, of this one or of the one it comes from
    isolates: bool = True
    is_here: bool = False
    notes: list[Note] = field(default_factory=list)
    ran: set[tuple[str, int]] = field(default_factory=set)
    _children: list[Child] = field(default_factory=list)
    _describer: Child | None = None  # of a whole run: it is there sooner than the others
    _target: Target | None = None
    _job: Job | None = None
    _patience: Patience = field(init=False)
    _launcher: Launcher = field(init=False)
    _has_stopped: bool = False  # no further process is started, and none is left
    _ended: float = -math.inf  # when the last process was seen to have ended

    def __post_init__(self) -> None:
        self._patience = Patience(self.limit)
        ahead = self.full_run and not self.quick
        self._launcher = Launcher(self.target_name, self.setup, self.source, ahead=ahead)

    @property
    def processes(self) -> tuple[int, ...]:
        """The numbers of those that run."""
        return tuple(child.process.pid for child in self._children)

    def start(self) -> None:
        """Let them begin to import torch and the target; nothing is waited for."""
        if self.full_run and FORKS and self.setup.forks and not self._children:
            self._describer = self._started(full_run=False, only_describe=True)
        self._fill(self.count, full_run=self.full_run and not self.quick)

    def describe(self, told: Callable[[str], None] = lambda _: None) -> Target:
        """The target, without what can be called; see ``Backend.describe``."""
        self.start()
        while self._target is None:
            if not self._running():
                self._fill(1)
            if not self._running():
                raise TargetError(f"cannot import {self.target_name!r}: no process can be started")
            self._await()
            told(max((child.asked for child in self._running()), key=len, default=""))
        return self._target

    def run(
        self,
        function: Callable[[Target, Any, Any], Any],
        items: Sequence[Item],
        argument: Any,
        *,
        deadline: float | None = None,
        weigh: Callable[[Item], Size] | None = None,
    ) -> Generator[tuple[int, Result | Crash | Broken], None, None]:
        """See ``Backend.run``."""
        whole = Piece(
            tuple(range(len(items))),
            tuple(items),
            () if weigh is None else tuple(map(weigh, items)),
        )
        job = self._job = Job(function, argument, deadline, [*cut(whole)][::-1])
        for child in self._children:  # what they did for another is none of these items
            child.past.clear()
        try:
            while not self._is_done(job):
                if deadline is not None and time.monotonic() > deadline:
                    job.give_up()
                    if time.monotonic() > deadline + _GRACE:
                        self._give_up_on_what_is_slow(job)
                self._hand_out(job)
                if not job.arrived and not self._is_done(job):
                    self._await()
                self.has_results |= bool(job.arrived)
                while job.arrived:
                    yield job.arrived.pop(0)
        finally:
            self._job = None
            self.notes += job.notes
            for child in [child for child in self._children if child.piece is not None]:
                self._drop(child)  # nobody waits for what it is at
            self._note_slow()

    def close(self) -> None:
        """End all processes, and what they have started."""
        for child in self._running():
            child.stop()
        self._children.clear()
        self._describer = None
        self._launcher.close()

    def another(self) -> Children:
        """One child more, which knows nothing of what these have done."""
        return self._one_more(self.setup, source=self._launcher.processes())

    def under(self, environment: Mapping[str, str]) -> Children:
        """One child more, with this in its environment."""
        setup = replace(self.setup, environment=tuple(environment.items()))
        return self._one_more(setup, source=self._launcher.processes())

    def unmarked(self) -> Children:
        """One child on memory as it comes, which holds nothing but the target; it is begun."""
        setup = replace(self.setup, forks=False, bare=True)
        found = self._one_more(setup, has_results=True)
        found.start()
        return found

    def _one_more(
        self, setup: Setup, *, source: Processes | None = None, has_results: bool = False
    ) -> Children:
        return Children(
            self.target_name,
            1,
            self.limit,
            source=source,
            setup=setup,
            has_results=has_results or self.has_results,
        )

    def _is_done(self, job: Job) -> bool:
        busy = any(child.piece is not None for child in self._children)
        return not (busy or job.waiting or job.suspects or job.arrived)

    def _hand_out(self, job: Job) -> None:
        """Suspects to those that have done nothing yet, the rest to children that are idle."""
        self._fill(min(self.count, self._busy() + len(job.waiting) + len(job.suspects)))
        idle = [child for child in self._children if child.ready and child.piece is None]
        for child in sorted(idle, key=lambda child: child.is_fresh):
            suspect = job.next_suspect()
            if self._is_quiet(suspect):
                break
            if suspect is not None and self._suits(child, suspect):
                job.suspects.remove(suspect)
                self._assign(child, job, piece_for(suspect))
            elif job.waiting and not is_tried_in_quiet(suspect):
                self._assign(child, job, job.waiting.pop())
        self._make_room(job.next_suspect())
        if self._launcher.has_given_up and (not self._children or job.suspects):
            self._has_stopped |= not self._children
            job.give_up()

    def _is_quiet(self, suspect: Suspicion | None) -> bool:
        """Whether nothing is begun: one is tried for which all else waits, or is to be next."""
        busy = [child.piece for child in self._children if child.piece is not None]
        if any(is_tried_in_quiet(piece.suspicion) for piece in busy):
            return True
        return bool(busy) and is_tried_in_quiet(suspect)

    def _suits(self, child: Child, suspect: Suspicion) -> bool:
        """Whether a suspect may be tried there: what ended another may end those of its time."""
        since = self._ended if is_tried_in_quiet(suspect) else -math.inf
        return child.is_fresh and child.begun > since

    def _make_room(self, suspect: Suspicion | None) -> None:
        """Have one child that has done nothing, for a suspect."""
        idle = [child for child in self._children if child.piece is None]
        if suspect is None or any(self._suits(child, suspect) for child in idle):
            return  # it comes
        if len(self._children) >= self.count:
            if not idle:
                return
            self._drop(idle[0])
        self._fill(len(self._children) + 1)

    def _assign(self, child: Child, job: Job, piece: Piece) -> None:
        work = Work(
            job.function,
            piece.items,
            job.argument,
            job.deadline,
            piece.sizes,
            self._patience.pace.of(piece.sizes) if piece.sizes else None,
            self.limit,
        )
        child.assign(piece, work)

    def _busy(self) -> int:
        return sum(child.piece is not None for child in self._children)

    def _fill(self, count: int, *, full_run: bool = False) -> None:
        while len(self._children) < count and not self._launcher.has_given_up:
            child = self._started(full_run=full_run)
            if child is not None:
                self._children.append(child)

    def _started(self, *, full_run: bool, only_describe: bool = False) -> Child | None:
        try:
            return self._launcher.child(full_run=full_run, only_describe=only_describe)
        except OSError as error:
            self._not_started(f"cannot start a process: {error}", again=True)
            return None

    def _not_started(self, why: str, *, again: bool, begun: float = math.inf) -> None:
        """A process did not come so far as to work.

        Args:
            why: it did not.
            again: whether another may.
            begun: when it was, see ``Launcher.has_failed``.

        Raises:
            TargetError: where there is nothing to lose by it.
        """
        counts = self._launcher.has_failed(begun)
        if again and not counts:
            return
        if not self.has_results and (not again or self._launcher.has_given_up):
            raise TargetError(why)
        if self._launcher.failed == MOST_STARTS:
            self._note(f"not reached: no further process could be started ({why})")

    def _await(self) -> None:
        """Wait for a moment, and gather what has come, crashes included."""
        with selectors.DefaultSelector() as selector:
            for child in self._running():
                write = selectors.EVENT_WRITE if child.channel.has_unsent else 0
                selector.register(child.channel, selectors.EVENT_READ | write)
            selector.select(_POLL)
        for child in self._running():
            child.channel.flush()
            is_over = child.look()
            messages, broken = child.receive()
            for message in messages:
                broken = broken or self._received(child, message)
            if child not in self._running():
                continue
            gone = child.gone(broken, is_over=is_over)
            if gone is not None:
                self._lost(child, gone)
            else:
                self._overdue(child)

    def _running(self) -> list[Child]:
        return [child for child in (self._describer, *self._children) if child is not None]

    def _received(self, child: Child, message: Any) -> str:
        """Take a message; what is wrong with it, empty where nothing is."""
        if isinstance(message, Results) and child.piece is not None:
            assert self._job is not None
            self.ran.update(message.ran)
            return self._job.take(child, child.piece, message, self._patience)
        if child.ready or not isinstance(message, TargetError | Described):
            return GARBLED
        if isinstance(message, TargetError):
            self._drop(child)
            self._not_started(str(message), again=False, begun=child.begun)
            return ""
        first, self._target, child.ready = self._target is None, message.target, True
        if first and self._target is not None and self._target.compiles_each_shape:
            self._patience.for_compilers()
        self._launcher.has_succeeded()
        if child is self._describer:
            self._describer = None
            child.release()  # to wait for its end would be to wait for those that are forked next
        return ""

    def _note_slow(self) -> None:
        """Report how many were too slow: of all jobs together, in place of the message before."""
        said = self._patience.left_out()
        if said is not None:
            self.notes[:] = [note for note in self.notes if note.kind != NoteKind.TOO_SLOW]
            self.notes.append(said)

    def _note(self, text: str) -> None:
        self.notes.append(Note(NoteKind.NOT_REACHED, text))

    def _give_up_on_what_is_slow(self, job: Job) -> None:
        """Wait no longer for items that take as long as others did; what may hang is waited for."""
        for child in [child for child in self._children if child.piece is not None]:
            if self._patience.is_usual(child.waited):
                assert child.piece is not None  # it was just looked at
                job.give_up_on(child.piece)
                self._drop(child)

    def _overdue(self, child: Child) -> None:
        if not child.ready:
            called = child.asked.startswith((CALLED, OPENED))
            is_asleep = called and child.sleeps_at_a_call(self.limit)
            if is_asleep or child.is_late(START_LIMIT):
                limit = self.limit if is_asleep else START_LIMIT
                why = f"{self._cannot(child.asked)}: not done within {limit:.0f} s"
                self._drop(child)
                self._not_started(why, again=False)
        elif child.piece is not None:
            place = child.current()
            size = child.piece.item(place).size
            limit = self._patience.of(size)
            is_asleep = child.sleeps(min(limit, ASLEEP))
            if is_asleep or child.hangs(limit):
                waited = min(limit, ASLEEP) if is_asleep else limit
                crash = Crash(f"did not return within {waited:g} s", hung=True)
                self._lost(child, crash, slow=self._patience.hangs(size))

    def _cannot(self, asked: str) -> str:
        """What a process that did not come so far as to work was at."""
        if asked.startswith(CALLED):
            return f"cannot call {self.target_name!r} on the tiny case that shows how it is called"
        if asked.startswith(OPENED):
            return f"the adapter {self.target_name!r}: {asked.removeprefix(OPENED).strip()}"
        return f"cannot import {self.target_name!r}"

    def _lost(self, child: Child, crash: Crash, *, slow: bool = False) -> None:
        """A process is gone: the item at which it was is suspected, the others go to another.

        Args:
            child: of which it was.
            crash: how it ended.
            slow: whether it may have come back in the end: then it was not reached.
        """
        piece, asked, quantity = child.piece, child.asked, child.quantity
        at = 0 if piece is None else child.current()
        alone = child.is_fresh and at == 0
        self._drop(child)
        self._ended = time.monotonic()
        if not child.ready:
            said = f": {crash.said}" if crash.said else ""
            why = f"{self._cannot(asked)}: {crash.how}{said}"
            self._not_started(why, again=may_be_others(crash), begun=child.begun)
        if piece is None or self._job is None:  # it died while it had nothing to do
            return
        self.has_results = True  # a crash is one
        if slow and piece.suspicion is None:
            self._patience.leave_out()
        crash = replace(crash, asked=asked, quantity=quantity)
        self._job.lost(piece, at, crash, child.past, alone=alone, slow=slow)

    def _drop(self, child: Child) -> None:
        if child is self._describer:
            self._describer = None
        else:
            self._children.remove(child)
        child.stop()
