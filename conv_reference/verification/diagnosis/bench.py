"""The target, run once more: what failures are taken apart with."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from conv_reference.verification.checks import all_checks, certifying
from conv_reference.verification.diagnosis.crashes import crashed
from conv_reference.verification.diagnosis.kinds import is_of_few_bits
from conv_reference.verification.execution import Settings, judge_case
from conv_reference.verification.known.known import Defect, first_match
from conv_reference.verification.known.relayed import (
    as_passed_on,
    errs_again,
    is_right_without,
    judged_beside,
    judged_exactly,
)
from conv_reference.verification.model.case import Case, Values
from conv_reference.verification.model.judgement import Crash, Failure, Judgement
from conv_reference.verification.model.result import FOUND
from conv_reference.verification.plan.possible import in_reach, is_telling
from conv_reference.verification.target.target import Target
from conv_reference.verification.work.backend import Backend
from conv_reference.verification.work.messages import Broken
from conv_reference.verification.work.stop import Stop

_HEAVY = (Values.HEAVY_INPUT, Values.HEAVY_WEIGHT, Values.HEAVY_GRAD_OUTPUT)
_UNASKED = object()  # in place of an answer
_RIGHT, _WRONG = 2, 3  # times that a case is run: see ``Bench._is_torchs``


@dataclass(frozen=True)
class Bench:
    """A target, where it runs, and how long it may still be run."""

    target: Target
    backend: Backend
    settings: Settings
    defects: tuple[Defect, ...]  # the known ones that the target itself has here
    torchs: tuple[Defect, ...]  # those of torch, which it may pass on
    deadline: float  # of ``time.monotonic``
    spared: tuple[Defect, ...] = ()  # the known ones that crash: their cases are not run
    stop: Stop = field(default_factory=Stop)  # when it is wanted, no time is left
    given: tuple[tuple[str, Any], ...] = ()  # for options of ``verify``, see ``given.not_default``
    checks: tuple[str, ...] = ()  # that were requested, or rows of them; none of all
    _answers: dict[tuple[Any, ...], Any] = field(default_factory=dict)  # see ``_once``

    @property
    def is_over(self) -> bool:
        """Whether there is no time left."""
        return self.left < 0

    @property
    def left(self) -> float:
        """Seconds for which it may still be run."""
        return -math.inf if self.stop.wanted else self.deadline - time.monotonic()

    def within(self, share: float) -> Bench:
        """The same, with that share of the time that is left."""
        return replace(self, deadline=time.monotonic() + share * self.left)

    @contextmanager
    def at(self, setting: str) -> Iterator[Bench | None]:
        """The same under a setting of the environment; None where there is no place for it.

        No case is left out there: at the setting none is known to crash.

        Args:
            setting: ``NAME=value``, see ``Judgement.setting``.
        """
        name, _, value = setting.partition("=")
        place = None if self.is_over else self.backend.under({name: value})
        if place is None:
            yield None
        else:
            with closing(place):
                yield replace(self, backend=place, spared=(), _answers={})

    def ask(
        self, question: Callable[[Target, Any, Any], Any], items: Iterable[Any], argument: Any
    ) -> dict[Any, Any]:
        """What a question has as its answer for each item; not those that are not reached.

        Items that take their process along, and those on which the engine itself fails, have none
        either, nor have those with a case that the target cannot be asked: it would be called for
        one case and judged by another. Whoever makes cases of a failing one need not look at that.

        Args:
            question: a function of the target, the item and the argument.
            items: cases, tuples that hold cases, or what holds none.
            argument: the same for each item.
        """
        came = self._came_of(question, items, argument)
        return {item: answer for item, answer in came.items() if not isinstance(answer, Crash)}

    def _came_of(
        self, question: Callable[[Target, Any, Any], Any], items: Iterable[Any], argument: Any
    ) -> dict[Any, Any]:
        """The same, with the crash where an item takes its process along."""
        if self.is_over:  # before each item is looked at
            return {}
        asked = (item for item in dict.fromkeys(items) if all(map(self.may_ask, _cases_in(item))))
        listed, found = list(asked), dict[Any, Any]()
        if not listed:
            return {}
        answers = self.backend.run(question, listed, argument, deadline=self.deadline)
        with self.stop.asking(), closing(answers):
            for number, answer in answers:
                if answer is not None and not isinstance(answer, Broken):
                    found[listed[number]] = answer
        return found

    def failures_on(self, cases: Iterable[Case], further: int = 0) -> dict[Case, list[Failure]]:
        """How each case fails, all questions asked; a case is missing where it was not reached.

        Args:
            cases: to be run.
            further: added to the seed of what is drawn.
        """
        judged = self.judged(cases, further)
        return {case: _failures(case, judgements) for case, judgements in judged.items()}

    def judged(self, cases: Iterable[Case], further: int = 0) -> dict[Case, list[Judgement]]:
        """The judgements of each case, all questions asked; without those that were not reached.

        Args:
            cases: to be run.
            further: added to the seed of what is drawn.
        """
        settings = replace(self.settings, seed=self.settings.seed + further)
        answers = self._came_of(judge_case, cases, settings)
        return {case: _judgements(case, answer) for case, answer in answers.items()}

    def judged_once(self, cases: Iterable[Case], further: int = 0) -> dict[Case, list[Judgement]]:
        """The same, remembered: faults in several quantities have the same smallest case."""
        keys = {case: (case, judge_case, further) for case in cases}
        asked = [case for case, key in keys.items() if key not in self._answers]
        for case, judgements in self.judged(asked, further).items():
            self._answers[keys[case]] = judgements
        return {case: self._answers[key] for case, key in keys.items() if key in self._answers}

    def own_certificates_of(self, failure: Failure) -> list[Case]:
        """The certificates, with all gradients, of its case and of what its check made of it."""
        made = failure.judgement.case
        given = [failure.case] if made is None else [made, failure.case]
        geometry = failure.case.geometry
        if geometry.batch == 0:  # on which no number is wrong, and none changed
            given.append(replace(failure.case, geometry=replace(geometry, batch=1)))
        return [self.recast(case, certifying().name) for case in given]

    def plain_certificates_of(self, failure: Failure) -> list[Case]:
        """The same, contiguous, and on numbers that differ, one by one.

        Where few numbers are drawn, or one repeats itself, a wrong answer may be right by chance.
        And over 0 and ±1, over which a row is run again: some fail where numbers are equal.
        """
        # What is kept in too few bits shows where there are many.
        heavy = _HEAVY if is_of_few_bits(failure.judgement) else ()
        values = (Values.COUNTING, Values.BALANCED, Values.SPARSE, *heavy)
        own = self.own_certificates_of(failure)
        return [replace(case.contiguous(), values=each) for case in own for each in values]

    def certificates_of(self, failure: Failure) -> list[Case]:
        """Its own ones, each on its own values and layouts, then the plain ones."""
        return [*self.own_certificates_of(failure), *self.plain_certificates_of(failure)]

    def recast(self, case: Case, check: str) -> Case:
        """The case as another check is put to it: over integers, with all gradients requested."""
        values = Values.BALANCED if case.values == Values.REAL else case.values
        wanted = replace(case, check=check, values=values, requires_grad=case.arguments)
        return in_reach(self.target, wanted)

    def known(self, failure: Failure) -> Defect | None:
        """The known defect that it is: on the case itself, or on what the check made of it."""
        own = _first_match(self.defects, failure)
        if own is not None or failure.judgement.setting:  # under which torch was not asked
            return own
        defect = _first_match(self.torchs, failure)
        passed_on = defect is not None and self._is_torchs(failure, defect)
        return as_passed_on(defect) if defect is not None and passed_on is True else None

    def may_be(self, failure: Failure) -> str:
        """The known defect of torch's that it looks like, if there was no time left to ask."""
        if failure.judgement.setting or _first_match(self.defects, failure) is not None:
            return ""
        defect = _first_match(self.torchs, failure)
        is_unasked = defect is not None and self._is_torchs(failure, defect) is None
        return defect.name if defect is not None and is_unasked else ""

    def _is_torchs(self, failure: Failure, defect: Defect) -> bool | None:
        """Whether torch errs on the case, and it comes out right where torch does not.

        And only there: a target that is right now and then, whatever torch does, is not excused. So
        it is to be right twice, and to fail once more as it is while torch errs, which is given
        several times to do so: what it reads may be what the memory held. None where there was no
        time left to ask.
        """
        judgement, case = failure.judgement, failure.case
        for turn in range(_RIGHT):
            if (answer := self._once(judged_exactly, case, defect, turn)) is _UNASKED:
                return None
            if not is_right_without(judgement, answer):
                return False
        for turn in range(_WRONG):
            if (answer := self._once(judged_beside, case, defect, turn)) is _UNASKED:
                return None
            if errs_again(judgement, answer):
                return True
        return False

    def _once(self, question: Any, case: Case, defect: Defect, turn: int) -> Any:
        """The answer to a question about a case and a defect, which is remembered.

        What there was no time for is not: a share of the time may be over, and another not.
        """
        key = case, defect.name, question, turn
        if key not in self._answers:
            came = self._came_of(question, [case], (self.settings, defect))
            if case not in came and self.is_over:
                return _UNASKED
            self._answers[key] = came.get(case)
        return self._answers[key]

    def may_ask(self, case: Case) -> bool:
        """Whether the answer to the case would prove something, and it is not known to crash."""
        spared = any(defect.concerns(case) for defect in self.spared)
        return not spared and is_telling(self.target, case, self.settings.seed)


def _cases_in(item: Any) -> Iterator[Case]:
    """The case that an item is, or those that it holds."""
    if isinstance(item, Case):
        yield item
    elif isinstance(item, tuple):
        for part in item:
            yield from _cases_in(part)


def _first_match(defects: Sequence[Defect], failure: Failure) -> Defect | None:
    made = failure.judgement.case
    cases = (failure.case,) if made is None else (failure.case, made)
    found = (first_match(defects, case, failure.judgement) for case in cases)
    return next(filter(None, found), None)


def _judgements(case: Case, answer: Iterable[Judgement] | Crash) -> list[Judgement]:
    if isinstance(answer, Crash):
        return [crashed(all_checks()[case.check], case, answer)]
    return [*answer]


def _failures(case: Case, judgements: Iterable[Judgement]) -> list[Failure]:
    return [Failure(case, judgement) for judgement in judgements if judgement.verdict in FOUND]
