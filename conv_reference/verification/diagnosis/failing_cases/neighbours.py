"""Cases around a failing one, put to the target: which of them fail in the same way."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import ceil, log

from conv_reference.verification.diagnosis.bench import Bench
from conv_reference.verification.diagnosis.kinds import Condition, kind_of, products
from conv_reference.verification.model.case import Case, Values
from conv_reference.verification.model.judgement import Failure, Judgement
from conv_reference.verification.model.result import Verdict

_MOST_PRODUCTS = 2_000_000  # of a case that is run
_NUMBERS = (Values.COUNTING, Values.BALANCED, Values.HEAVY_INPUT, Values.HEAVY_WEIGHT)
# With how many seeds the smallest case itself is run again, and with how many it has to fail:
_FEW, _OF_FEW = 9, 5  # of a fault that shows in most of them
_MANY, _OF_MANY = 45, 5  # of one that shows now and then
_CHANCE = 1e-4  # that a case which fails as often passes all the seeds of a neighbour
_JUDGED = {Verdict.EXACT, Verdict.ROUNDED}


@dataclass(frozen=True)
class Neighbours:
    """Cases around a failing one, put to the target."""

    wanted: Failure  # on the case from which they are moved
    bench: Bench
    is_own: Condition
    numbers: tuple[Values, ...] = ()  # over which it shows, too
    seeds: range = range(1)  # with each of which a case has to pass to count as one that does

    def fails(self, cases: Iterable[Case]) -> dict[Case, bool]:
        """Whether each fails in the same way; one that was not judged has no answer.

        One that passes is run over other numbers, too: on some a fault does not show.
        """
        answers = self.answers(case for case in cases if products(case) <= _MOST_PRODUCTS)
        for further in self.seeds[1:]:
            passed = [case for case, failed in answers.items() if not failed]
            answers |= self.answers(passed, further)
        for values in self.numbers:
            others = {replace(c, values=values): c for c, failed in answers.items() if not failed}
            for case, failed in self.answers(others).items():
                answers[others[case]] = failed
        return answers

    def answers(self, cases: Iterable[Case], further: int = 0) -> dict[Case, bool]:
        """Whether each fails with the values that it has, drawn with this seed.

        Args:
            cases: to be run.
            further: added to the seed of what is drawn.
        """
        judged = self.bench.judged_once(cases, further)
        found = {case: self._failed(case, judgements) for case, judgements in judged.items()}
        return {case: failed for case, failed in found.items() if failed is not None}

    def _failed(self, case: Case, judgements: Sequence[Judgement]) -> bool | None:
        """None where it was not judged, or fails by another fault or a known defect."""
        kind = kind_of(self.wanted).in_any_dtype
        for judgement in judgements:
            failure = Failure(case, judgement)
            if kind_of(failure).in_any_dtype == kind and judgement.verdict not in _JUDGED:
                is_same = self.bench.known(failure) is None and self.is_own(failure)
                return True if is_same else None
        asked = self.wanted.judgement
        alike = (
            judgement.verdict
            for judgement in judgements
            if judgement.check == asked.check
            and judgement.quantity_alike in {asked.quantity_alike, ""}  # of the case as a whole
        )
        return False if {*alike} & _JUDGED else None


def neighbours_of(start: Failure, bench: Bench, is_own: Condition) -> Neighbours | None:
    """What runs the cases around one; None where a neighbour that passes would prove nothing.

    A check may draw what it tries, such as where a NaN stands, so that the case fails with some
    seeds alone: then a neighbour is run with so many that one like it would hardly pass them all.
    Where a fault shows over integers, those over which it does are put to the neighbours, too.
    """
    asked, case = Neighbours(start, bench, is_own), start.case
    tried = range(_FEW)
    failed = sum(asked.answers([case], further).get(case, False) for further in tried)
    if failed < _OF_FEW:
        tried = range(_MANY)
        failed = sum(asked.answers([case], further).get(case, False) for further in tried)
    if failed < _OF_MANY:
        return None
    if failed < len(tried):
        return replace(asked, seeds=range(ceil(log(_CHANCE) / log(1 - failed / len(tried)))))
    if case.values == Values.REAL:
        return asked
    others = {replace(case, values=values): values for values in _NUMBERS if values != case.values}
    shown = (others[each] for each, failed in asked.answers(others).items() if failed)
    return replace(asked, numbers=tuple(shown))
