"""A plan carried out on a target: every case judged, as far as the clock lets it get."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from statistics import fmean
from typing import Any

from conv_reference.verification.execution import Settings, judge_case
from conv_reference.verification.known.known import Defect
from conv_reference.verification.known.provoke import first_concerned
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.judgement import Judgement
from conv_reference.verification.model.notes import NoteKind
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.options.clock import times_at_most
from conv_reference.verification.plan.plan import Plan
from conv_reference.verification.plan.request import Request
from conv_reference.verification.running.deciding import Deciding, Results
from conv_reference.verification.running.progress import Counted, Progress
from conv_reference.verification.store.store import Kept
from conv_reference.verification.work import descent
from conv_reference.verification.work.backend import Backend
from conv_reference.verification.work.messages import Broken
from conv_reference.verification.work.pace import Size

_WORTHWHILE = 0.5  # seconds: for less nothing is begun again
MOST_ALIKE = 100  # cases: where the first of a run all raise alike, no further one is put
OnResult = Callable[[Case, Any], None]  # a case, and what came of it


@dataclass
class Judged:
    """What came of the cases of a run, in the order of its plan."""

    planned: int
    results: list[tuple[Case, Any]] = field(default_factory=list)  # judgements, or a crash
    unjudged: list[tuple[Case, Broken]] = field(default_factory=list)  # the engine itself failed
    unreached: list[Case] = field(default_factory=list)  # of the rounds that were begun
    too_slow: int = 0  # of these: left out, for they would take too long
    by_clock: bool = False  # whether the clock is why some were not reached
    interrupted: bool = False
    spared: list[tuple[Defect, Case]] = field(default_factory=list)  # left out: they would crash
    misfit: tuple[Case, Judgement] | None = None  # one of the first, where all raise alike
    decided: str = (
        ""  # why the rest was not put; empty where that was the clock's doing, or nothing
    )

    def decide(self, said: str) -> None:
        """Take why the cases that are left were not put; empty where that was not so."""
        if said:
            self.decided, self.unreached = said, []
            self.planned = self.drawn

    @property
    def drawn(self) -> int:
        """How many cases there were of the rounds that were begun."""
        return len(self.results) + len(self.unjudged) + len(self.unreached)

    @property
    def is_cut(self) -> bool:
        """Whether the clock, or an interrupt, kept it from some of the planned cases."""
        return len(self.results) + len(self.unjudged) < self.planned

    @property
    def why(self) -> str:
        """What kept it from them, as the note about them has it."""
        if self.interrupted:
            return ", for the run was interrupted"
        return ", for the clock cut the run" if self.by_clock else ""

    @property
    def tried(self) -> list[Case]:
        """The cases that have a result."""
        return [case for case, _ in self.results]


def judged(
    plan: Plan,
    request: Request,
    backend: Backend,
    settings: Settings,
    *,
    spared: Sequence[Defect] = (),
    progress: Progress,
    on_result: OnResult = lambda *_: None,
    kept: Kept | None = None,
    elsewhere: int = 0,
) -> Judged:
    """Put the cases of a plan to its target, round after round.

    Args:
        plan: what is put.
        request: its time limit; a single case or geometry is put with every question.
        backend: where the target runs.
        settings: of the run.
        spared: defects whose cases are left out of all rounds but the first, for they would crash.
        progress: what follows the run.
        on_result: called with each case and what came of it, as it comes.
        kept: the run in a store: what is there already is not run again.
        elsewhere: how many further cases are put when these are judged, as is said at first.
    """
    clock = Clock(
        backend,
        request.usual_limit,
        strict=request.is_strict_limit,
        most=request.time_limit,
        progress=progress,
    )
    # What fails is taken apart with all questions.
    settings = replace(settings, brief=not request.is_single)
    outcome = Judged(plan.planned)
    taken = clock.counting(on_result, outcome)
    progress(0, outcome.planned + elsewhere)
    for cases in _spared(plan, spared, outcome):
        results: list[Any] = [None] * len(cases)
        begun = len(outcome.results) + len(outcome.unjudged)
        deciding = Deciding(
            cases, partial(_put, cases, backend, settings, clock, kept, taken), spared
        )
        start = _Start()
        try:
            with closing(deciding.results()) as answers:
                for done, (number, result) in enumerate(answers, start=begun + 1):
                    results[number] = result
                    progress(done, outcome.planned)
                    if done <= MOST_ALIKE and start.all_raise_alike(cases[number], result):
                        outcome.misfit = start.first
                        return outcome
        except KeyboardInterrupt:
            outcome.interrupted = True
        _gather(outcome, cases, results, clock)
        outcome.decide(deciding.said)
        nothing_came = bool(cases) and all(result is None for result in results)
        is_cut = outcome.unreached and (clock.is_over or nothing_came)
        if outcome.interrupted or is_cut or outcome.decided:
            if not outcome.interrupted and outcome.results:  # no further case is judged
                progress(len(outcome.results), len(outcome.results))
            return outcome
    outcome.planned = outcome.drawn  # it was an estimate
    return outcome


def _left_out(backend: Backend) -> int:
    """How many items were left out so far, for they would take too long."""
    return sum(note.number for note in backend.notes if note.kind == NoteKind.TOO_SLOW)


@dataclass
class _Start:
    """The first results of a run: whether the target throws one thing, whatever is requested."""

    first: tuple[Case, Judgement] | None = None
    count: int = 0

    def all_raise_alike(self, case: Case, result: Any) -> bool:
        """Take the next one; whether there are enough, and all are alike."""
        raised = _raised_for_Y(result)
        if raised is not None and not self.count:
            self.first = case, raised
        if raised is None or self.first is None or _place(raised) != _place(self.first[1]):
            self.first = None
        self.count += 1
        return self.first is not None and self.count == MOST_ALIKE


def _raised_for_Y(result: Any) -> Judgement | None:  # noqa: N802 (Y is the output's name)
    """The one judgement of a case whose forward pass raised; None of any other result."""
    if not isinstance(result, tuple) or len(result) != 1:
        return None
    judgement: Judgement = result[0]
    raised = judgement.verdict == Verdict.RAISED and judgement.thrown is not None
    return judgement if raised and judgement.quantity_name == "Y" else None


def _place(judgement: Judgement) -> tuple[str, str]:
    """What raised alike has in common: the type, and the line or, without one, the message."""
    assert judgement.thrown is not None  # see ``_raised_for_Y``
    alike = judgement.thrown.alike
    return alike.kind, alike.place or alike.message


@dataclass
class Clock:
    """The time limit of a run, which begins when the clock is made.

    Where nobody gave the limit itself, the time does not count for which the processes were ready
    to work and had no processor: on a busy machine a run takes longer, and is no less of one. And
    where the cases would all be judged by ``most``, at the pace so far, that is the limit.
    """

    backend: Backend
    limit: float | None  # seconds; None where there is none
    strict: bool = True  # whether all of the time counts
    most: float | None = None  # seconds, at least the limit; None where that is all
    share: float = 0.0  # of the cases that are judged; 0 where nothing came yet
    progress: Progress = field(default_factory=Counted)
    begun: float = field(default_factory=time.monotonic)
    deadline: float | None = field(init=False)
    _delays: Mapping[int, float] = field(init=False)  # of the processes, at first
    _left_out_before: int = field(init=False)

    def __post_init__(self) -> None:
        self.deadline = None if self.limit is None else self.begun + self.limit
        self._left_out_before = _left_out(self.backend)
        self._delays = {} if self.strict else self._delayed()
        self.progress.until(self.deadline)

    @property
    def is_over(self) -> bool:
        """Whether the time is up."""
        return self.deadline is not None and time.monotonic() > self.deadline

    def counting(self, on_result: OnResult, outcome: Judged) -> OnResult:
        """What is called with each result as it comes, though it may be held back until later."""
        came = count(1)

        def counted(case: Case, result: Any) -> None:
            self.share = min(1.0, next(came) / outcome.planned)
            on_result(case, result)

        return counted

    def put_off(self) -> bool:
        """Give back what others had of the processor; whether that leaves any time."""
        if self.limit is None or self.strict:
            return False
        delays = [d - self._delays.get(n, 0.0) for n, d in self._delayed().items()]
        lost = fmean(delays) if delays else 0.0
        taken = time.monotonic() - self.begun - lost
        if self.most is not None and (not self.share or taken <= self.share * self.most):
            self.limit = max(self.limit, self.most)
        most = times_at_most(self.limit)
        self.deadline = self.begun + min(self.limit + lost, most * self.limit)
        self.progress.until(self.deadline)
        return self.deadline - time.monotonic() > _WORTHWHILE

    @property
    def left_out(self) -> int:
        """How many items were since it began, for they would take too long."""
        return _left_out(self.backend) - self._left_out_before

    def _delayed(self) -> dict[int, float]:
        return {number: descent.delayed(number) for number in self.backend.processes}


def _put(
    cases: Sequence[Case],
    backend: Backend,
    settings: Settings,
    clock: Clock,
    kept: Kept | None,
    on_result: OnResult,
    numbers: Sequence[int],
) -> Results:
    """The results of some of the cases, by their numbers among all; see ``in_time``."""
    chosen = [cases[number] for number in numbers]
    with closing(in_time(chosen, backend, settings, clock, kept, on_result)) as answers:
        for place, result in answers:
            yield numbers[place], result


def in_time(
    cases: Sequence[Case],
    backend: Backend,
    settings: Settings,
    clock: Clock,
    kept: Kept | None,
    on_result: OnResult,
) -> Generator[tuple[int, Any], None, None]:
    """Results by their cases' numbers, until the time is up.

    Args:
        cases: that are put to the target, in this order.
        backend: where it runs.
        settings: of the run.
        clock: which is put off, and the rest judged, where others had the processor.
        kept: the run in a store, whose answers come first; None without one.
        on_result: called with each case and what came of it.

    Yields:
        The place of a case in ``cases``, and its judgements, a ``Crash`` or a ``Broken``; a case
        that was not reached has none.
    """
    left: Sequence[int] = range(len(cases))
    while left:
        came = set()
        answers = _answers([cases[n] for n in left], backend, settings, clock.deadline, kept)
        with closing(answers):
            for place, result in answers:
                came.add(left[place])
                on_result(cases[left[place]], result)
                yield left[place], result
        if not (clock.is_over and clock.put_off()):
            return
        left = [number for number in left if number not in came]


def _answers(
    cases: Sequence[Case],
    backend: Backend,
    settings: Settings,
    deadline: float | None,
    kept: Kept | None,
) -> Generator[tuple[int, Any], None, None]:
    """Results by their cases' numbers: those that a store has, then the others as they come."""
    there = {} if kept is None else kept.answers(cases)
    yield from there.items()
    numbers = [number for number in range(len(cases)) if number not in there]
    left = [cases[number] for number in numbers]
    answers = backend.run(judge_case, left, settings, deadline=deadline, weigh=_size)
    with closing(answers):
        for place, result in answers:
            if kept is not None:
                kept.add(left[place], result)
            yield numbers[place], result


def _size(case: Case) -> Size:
    """The products of one call, beside other cases of the same check."""
    geometry = case.geometry
    products = math.prod((*geometry.weight_shape, *geometry.output_size, geometry.batch))
    return Size(case.check, float(products), together=hash(geometry))


def _spared(plan: Plan, defects: Sequence[Defect], outcome: Judged) -> Iterator[tuple[Case, ...]]:
    rounds = plan.rounds()
    yield next(rounds)
    for cases in rounds:
        kept = []
        for case in cases:
            defect = first_concerned(defects, case)
            if defect is None:
                kept.append(case)
            else:
                outcome.spared.append((defect, case))
        yield tuple(kept)


def _gather(outcome: Judged, cases: Sequence[Case], results: Sequence[Any], clock: Clock) -> None:
    for case, result in zip(cases, results, strict=True):
        if result is None:
            outcome.unreached.append(case)
        elif isinstance(result, Broken):
            outcome.unjudged.append((case, result))
        else:
            outcome.results.append((case, result))
    outcome.too_slow = clock.left_out
    outcome.by_clock = bool(outcome.unreached) and clock.is_over
