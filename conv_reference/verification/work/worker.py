"""A child: it imports the target, and does the pieces of work that it is sent.

Its answers go through a socket, so that a target may print what it likes.
"""

from __future__ import annotations

import fcntl
import importlib
import os
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from conv_reference.verification.model.errors import TargetError
from conv_reference.verification.own import Own
from conv_reference.verification.work import descent, wire
from conv_reference.verification.work.frames import Line
from conv_reference.verification.work.identity import difference
from conv_reference.verification.work.importing import uncollected
from conv_reference.verification.work.messages import (
    CALLED,
    LOST,
    NO_TARGET,
    OPENED,
    Broken,
    Described,
    NoTarget,
    Place,
    Results,
    Start,
    Target,
    Unreached,
    Work,
    attempt,
)
from conv_reference.verification.work.pace import Pace

FLUSH = 0.2  # seconds between two messages with results
_CHECKS = "conv_reference.verification.checks"
_LINES = "conv_reference.verification.target.lines"
_TRIAL = "conv_reference.verification.trial.trial"
_Fresh = Callable[[], tuple[tuple[str, int], ...]]  # the lines of the target that ran since
# What the work needs, imported before the first piece of it.
_NEEDED = (
    "analytic",  # by the first explanation
    "conv_reference.verification.execution",
    "conv_reference.verification.diagnosis.explaining.explain",
    "conv_reference.verification.target.loading",
    "torch.fx.experimental.symbolic_shapes",  # by the first backward pass
)
_FULL_RUN = (
    "torch._dynamo",  # by the first ``torch.func.vjp``; it takes a second
    "torch._decomp.decompositions_for_jvp",  # by the first dual number
)
_MOST_DESCRIPTORS = 1024  # where more are permitted: a table of as many would be made
# Bound before a target could replace them.
_number, _clock, _leave = os.getpid, time.perf_counter, os._exit


def _nothing() -> tuple[tuple[str, int], ...]:
    """The target has no Python of its own, or is not watched."""
    return ()


def prepare(*, full_run: bool) -> None:
    """Import what the work needs.

    Args:
        full_run: whether every check will be made.
    """
    if Own not in sys.meta_path:
        sys.meta_path.insert(0, Own)
    with uncollected():
        for name in (*_NEEDED, *(_FULL_RUN if full_run else ())):
            importlib.import_module(name)
        importlib.import_module(_CHECKS).all_checks()


def main(connection: int, shared: int) -> None:
    """Serve until the parent closes the connection."""
    descent.adopt()
    line = Line(_out_of_the_way(connection))
    place = Place(shared)
    os.close(shared)
    different = difference(line.receive() or b"")
    start: Start = wire.trusted(line.receive() or b"")
    if different:
        line.send(wire.encoded(TargetError(different)))
        return
    os.environ.update(start.environment)
    sys.path[:] = [*start.path, *(p for p in sys.path if p not in start.path)]
    owner = _number()
    try:
        target = _loaded(start, place)
    except TargetError as error:
        line.send(wire.encoded(error))
        return
    _require_own(owner)
    line.send(wire.encoded(Described(target.described())))
    if start.only_describe:
        return
    fresh = _prepared(start, target, place)
    while (payload := line.receive()) is not None:
        _Piece(line, place, target, wire.trusted(payload), owner, fresh).carry_out()


def _loaded(start: Start, place: Place) -> Any:
    """The target, or what stands in its place.

    Raises:
        TargetError: when it cannot be imported or called.
    """
    if start.target == NO_TARGET:
        return NoTarget()
    # Torch, and all that comes with it, only when the path is set.
    with uncollected():
        from conv_reference.verification.target.loading import load_target  # noqa: PLC0415 (torch)
        from conv_reference.verification.target.strangers.trials import (  # noqa: PLC0415 (as above)
            Trials,
        )
    trials = Trials(
        start.search,
        counted=lambda made: place.ask(f"{CALLED} {made}"),
        opened=lambda question: place.ask(f"{OPENED} {question}"),
    )
    return load_target(start.target, found=lambda: place.ask(CALLED), trials=trials)


def _prepared(start: Start, target: Target, place: Place) -> _Fresh:
    """Import what the work needs, and watch the target; a bare child does neither."""
    if start.bare:
        return _nothing
    # While the parent plans; most often it was forked with them.
    prepare(full_run=start.full_run)
    importlib.import_module(_TRIAL).report_requests(place.request)
    watch = importlib.import_module(_LINES).begin(target.written)
    return _nothing if watch is None else watch.fresh


def _out_of_the_way(descriptor: int) -> int:
    """The connection under a number that nobody takes for standard output, closed by an exec."""
    most = min(resource.getrlimit(resource.RLIMIT_NOFILE)[0] % (1 << 30), _MOST_DESCRIPTORS)
    high = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, most * 3 // 4)
    os.close(descriptor)
    return high


def _require_own(owner: int) -> None:
    """A target that forks comes back twice: the fork has nothing to answer."""
    if _number() != owner:
        _leave(0)


class _Piece:
    """A piece of work, the results of which are sent now and then."""

    def __init__(
        self, line: Line, place: Place, target: Target, work: Work, owner: int, fresh: _Fresh
    ) -> None:
        self._line, self._place, self._target = line, place, target
        self._work, self._owner, self._fresh = work, owner, fresh
        self._pace = work.pace or Pace()
        self._results: list[Any] = []
        self._seconds: list[float] = []

    def carry_out(self) -> None:
        """Report in the shared file where it is."""
        work, last = self._work, time.monotonic()
        for number, item in enumerate(work.items):
            if work.deadline is not None and time.monotonic() > work.deadline:
                self._add(*[(Unreached(), 0.0)] * (len(work.items) - number))
                break
            self._add(self._one(number, item))
            if time.monotonic() - last > FLUSH:
                self._send()
                last = time.monotonic()
        if self._results:
            self._send()

    def _one(self, number: int, item: Any) -> tuple[Any, float]:
        work = self._work
        size = work.sizes[number] if work.sizes else None
        expected = None if size is None else self._pace.expected(size)
        if expected is not None and expected > work.limit:
            return Unreached(expected), 0.0
        self._place.begin(number)
        watched = replace(self._target, about_to=partial(self._tell, item))
        begun = _clock()
        result = attempt(work.function, watched, item, work.argument)
        seconds = _clock() - begun
        _require_own(self._owner)
        self._require_device()
        if size is not None:
            self._pace.note(size, seconds)
        return result, seconds

    def _require_device(self) -> None:
        """Where the device is lost nothing comes back right any more: the process ends."""
        from conv_reference.verification import accelerator  # noqa: PLC0415 (torch)

        said = accelerator.lost()
        if said:
            if self._results:
                self._send()
            sys.stderr.write(f"{said}\n")
            sys.stderr.flush()
            _leave(LOST)

    def _tell(self, item: Any, asked: Any) -> None:
        """What the target is asked for, where that is not the item itself; most often it is."""
        _require_own(self._owner)
        if asked is not item:
            self._place.ask("" if asked == item else str(asked))

    def _add(self, *results: tuple[Any, float]) -> None:
        for result, seconds in results:
            self._results.append(result)
            self._seconds.append(seconds)

    def _send(self) -> None:
        seconds = tuple(self._seconds)
        try:
            message = self._line.framed(
                wire.encoded(Results(tuple(self._results), seconds, self._fresh()))
            )
        except Exception as error:  # too long, or it cannot travel: that is our mistake
            broken = (Broken(f"{type(error).__name__}: {error}"),) * len(seconds)
            message = self._line.framed(wire.encoded(Results(broken, seconds)))
        self._line.write(message)
        self._results.clear()
        self._seconds.clear()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
    os._exit(0)  # a target's threads and exit handlers must not keep it
