"""Work on any ``concurrent.futures.Executor``: a pool of processes, or a cluster's client.

A unit of work is a target's name, a function's, the texts of cases, and settings; what comes back
are judgements. Any process that can import this package and the target can carry it out, in any
order and anywhere, and what it sends back depends on nothing else. So a scheduler is nobody's
business here: Dask's ``client.get_executor()``, for one, is such an executor; and a store may keep
what came of a case's text under the same target, version and settings.

An executor cannot be made to end what hangs, and one whose process dies may be broken as a whole.
What has not come back then, and all that follows, is carried out by a child process of this
machine, where a crash costs one item; so is a single unit that is lost, as a cluster loses one. It
serves targets that are known to come back.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from contextlib import closing
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from conv_reference.verification.model.case import Case
from conv_reference.verification.model.errors import TargetError
from conv_reference.verification.model.judgement import Crash
from conv_reference.verification.model.notes import Note, NoteKind
from conv_reference.verification.work.backend import Item, Result
from conv_reference.verification.work.children import START_LIMIT, Children
from conv_reference.verification.work.identity import VERSION
from conv_reference.verification.work.messages import Broken, Target, attempt
from conv_reference.verification.work.pace import Size

UNIT = 16  # items of one unit
IN_FLIGHT = 32  # units that are submitted at a time: results and units need not all be held
SILENCE = 600.0  # seconds without any answer, after which none is waited for


@dataclass(frozen=True)
class CaseText:
    """A case as it travels: its text form."""

    text: str


@dataclass(frozen=True)
class Unit:
    """What is sent: all that it takes to carry it out."""

    version: str  # of the process that sent it
    target: str  # its name
    function: Callable[[Target, Any, Any], Any]  # importable there: its name travels
    items: tuple[CaseText | Item, ...]
    argument: Any  # mostly the run's settings
    seconds: float | None = None  # after which no further item is begun


def unit_of(
    target: str,
    function: Callable[[Target, Any, Any], Any],
    items: Iterable[Item],
    argument: Any,
    seconds: float | None = None,
) -> Unit:
    """The unit in which some items are sent, cases as their texts; see ``Unit``.

    Args:
        target: its name.
        function: importable where the unit is carried out.
        items: in the order in which they are.
        argument: the same for every item.
        seconds: after which no further item is begun; None for no limit.
    """
    sent = tuple(CaseText(str(item)) if isinstance(item, Case) else item for item in items)
    return Unit(VERSION, target, function, sent, argument, seconds)


def carry_out(unit: Unit) -> list[Result]:
    """The results of a unit's items, in order; fewer where the time was up.

    Raises:
        TargetError: when the target cannot be imported here, or another version sent the unit.
    """
    target, begun = _loaded(unit.target, unit.version), time.monotonic()
    results = []
    for item in unit.items:
        if unit.seconds is not None and time.monotonic() - begun > unit.seconds:
            break
        read = Case.parse(item.text) if isinstance(item, CaseText) else item
        results.append(attempt(unit.function, target, read, unit.argument))
    return results


def described(name: str, version: str) -> Target:
    """The target without what can be called; see ``carry_out``."""
    return _loaded(name, version).described()


@lru_cache(maxsize=8)
def _loaded(name: str, version: str) -> Target:
    if version != VERSION:
        raise TargetError(
            f"two versions of conv-reference: {version} sends work, the executor has {VERSION}"
        )
    from conv_reference.verification.target.loading import load_target  # noqa: PLC0415 (torch)

    return load_target(name)


@dataclass
class OnExecutor:
    """A ``Backend`` on an executor, which is the caller's to shut down.

    Raises:
        TargetError: when the target cannot be imported there.
    """

    target_name: str
    executor: Executor
    is_here: bool = False
    ran: set[tuple[str, int]] = field(default_factory=set)  # nobody watches there
    _said: list[Note] = field(default_factory=list)
    _instead: Children | None = None  # for what the executor has lost
    _is_broken: bool = False

    @property
    def isolates(self) -> bool:
        """Whether a child does all the work by now: a crash breaks the executor."""
        return self._is_broken

    @property
    def notes(self) -> Sequence[Note]:
        """Why a child does the work, and what it says."""
        return [*self._said, *(self._instead.notes if self._instead else ())]

    @property
    def processes(self) -> tuple[int, ...]:
        """The child's, if there is one; nobody knows those of the executor, wherever that is."""
        return self._instead.processes if self._instead else ()

    def describe(self, told: Callable[[str], None] = lambda _: None) -> Target:  # noqa: ARG002 (of the protocol)
        """The target, as the other side finds it."""
        try:
            future = self.executor.submit(described, self.target_name, VERSION)
        except RuntimeError as error:
            raise TargetError(f"the executor takes no work: {error}") from error
        try:
            return future.result(timeout=START_LIMIT)
        except TargetError:
            raise
        except Exception as error:
            why = _last_line(error)
            raise TargetError(f"cannot import {self.target_name!r} there: {why}") from error

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
        left = dict(enumerate(items))
        with closing(self._there(function, items, argument, deadline)) as came:
            for number, result in came:
                del left[number]
                yield number, result
        if self._instead is None or not left:
            return
        numbers = [*left]
        instead = self._instead.run(
            function, [*left.values()], argument, deadline=deadline, weigh=weigh
        )
        with closing(instead):
            for place, result in instead:
                yield numbers[place], result

    def _there(
        self,
        function: Callable[[Target, Any, Any], Any],
        items: Sequence[Item],
        argument: Any,
        deadline: float | None,
    ) -> Generator[tuple[int, Result], None, None]:
        """What the executor carries out; all of it, but where the time is up or it breaks."""
        firsts = iter(range(0, len(items), UNIT))
        pending: dict[Future[list[Result]], range] = {}
        try:
            while True:
                for first in firsts if not self._is_over(deadline) else ():
                    numbers = range(first, min(first + UNIT, len(items)))
                    left = None if deadline is None else deadline - time.monotonic()
                    chosen = (items[number] for number in numbers)
                    unit = unit_of(self.target_name, function, chosen, argument, left)
                    try:
                        pending[self.executor.submit(carry_out, unit)] = numbers
                    except RuntimeError as error:  # it was shut down, or is broken
                        self._lose(_last_line(error), is_broken=True)
                    if len(pending) >= IN_FLIGHT or self._is_over(deadline):
                        break
                if not pending:
                    return
                if self._is_over(deadline):
                    pending = {f: numbers for f, numbers in pending.items() if not f.cancel()}
                done, _ = wait(pending, timeout=SILENCE, return_when=FIRST_COMPLETED)
                if pending and not done:
                    self._lose(f"nothing came back for {SILENCE:g} s", is_broken=True)
                    return
                for future in done:
                    yield from self._results(future, pending.pop(future))
        finally:
            for future in pending:
                future.cancel()

    def another(self) -> None:
        """Which process carries out the next unit, new or not, is the executor's choice."""

    def under(self, environment: Mapping[str, str]) -> None:
        """Its processes have an environment of their own."""

    def unmarked(self) -> Children:
        """One child of this process, which imports the target, too."""
        return Children(self.target_name, 1).unmarked()

    def close(self) -> None:
        """End the child, if there is one: the executor is the caller's."""
        if self._instead is not None:
            self._instead.close()

    def _is_over(self, deadline: float | None) -> bool:
        return self._is_broken or (deadline is not None and time.monotonic() > deadline)

    def _results(
        self, future: Future[list[Result]], numbers: range
    ) -> Generator[tuple[int, Result], None, None]:
        """Those of a unit; none where it did not come back."""
        try:
            results = future.result()
        except Exception as error:
            self._lose(_last_line(error), is_broken=isinstance(error, BrokenExecutor))
            return
        yield from zip(numbers, results, strict=False)

    def _lose(self, why: str, *, is_broken: bool) -> None:
        """A child does what did not come back; and all that follows, where the executor broke."""
        if is_broken and not self._is_broken:
            said = f"the executor broke ({why}): a child process of this machine did the rest"
            self._said.append(Note(NoteKind.WARNED, said))
        elif self._instead is None:
            said = f"the executor lost work ({why}): a child process of this machine did it"
            self._said.append(Note(NoteKind.WARNED, said))
        self._is_broken |= is_broken
        self._instead = self._instead or Children(self.target_name, 1)


def _last_line(error: BaseException) -> str:
    return "".join(traceback.format_exception_only(error)).strip().splitlines()[-1]
