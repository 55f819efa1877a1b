"""Cases around a failing one, put to the target: which of them fail in the same way."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from conv_reference.verification.diagnosis.bench import Bench
from conv_reference.verification.diagnosis.kinds import Condition, kind_of, products
from conv_reference.verification.model.case import Case, Values
from conv_reference.verification.model.judgement import Failure, Judgement
from conv_reference.verification.model.result import Verdict

_MOST_PRODUCTS = 2_000_000  # of a case that is asked
_NUMBERS = (Values.COUNTING, Values.BALANCED, Values.HEAVY_INPUT, Values.HEAVY_WEIGHT)
_SEEDS = 9  # over which the smallest case itself has to fail
_JUDGED = {Verdict.EXACT, Verdict.ROUNDED}


@dataclass(frozen=True)
class Neighbours:
    """Cases around a failing one, put to the target."""

    wanted: Failure  # on the case from which they are moved
    bench: Bench
    is_own: Condition
    numbers: tuple[Values, ...] = ()  # over which it shows, too

    def fails(self, cases: Iterable[Case]) -> dict[Case, bool]:
        """Whether each fails in the same way; one that was not judged has no answer.

        One that passes is asked over other numbers, too: on some a fault does not show.
        """
        answers = self.answers(case for case in cases if products(case) <= _MOST_PRODUCTS)
        for values in self.numbers:
            others = {replace(c, values=values): c for c, failed in answers.items() if not failed}
            for case, failed in self.answers(others).items():
                answers[others[case]] = failed
        return answers

    def answers(self, cases: Iterable[Case], further: int = 0) -> dict[Case, bool]:
        """The same over these numbers alone.

        Args:
            cases: to be asked.
            further: added to the seed of what is drawn.
        """
        judged = self.bench.judged_once(cases, further)
        found = {case: self._failed(case, judgements) for case, judgements in judged.items()}
        return {case: failed for case, failed in found.items() if failed is not None}

    def _failed(self, case: Case, judgements: Sequence[Judgement]) -> bool | None:
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
            if (judgement.check, judgement.quantity_alike) == (asked.check, asked.quantity_alike)
        )
        return False if {*alike} & _JUDGED else None


def neighbours_of(start: Failure, bench: Bench, is_own: Condition) -> Neighbours | None:
    """What asks, where the case fails whatever is drawn; else a neighbour that passes is no proof.

    Where a fault shows over integers, those over which it does are asked of the neighbours, too.
    """
    asked, case = Neighbours(start, bench, is_own), start.case
    for further in range(_SEEDS):
        if not asked.answers([case], further).get(case, False):
            return None
    if case.values == Values.REAL:
        return asked
    others = {replace(case, values=values): values for values in _NUMBERS if values != case.values}
    shown = (others[each] for each, failed in asked.answers(others).items() if failed)
    return replace(asked, numbers=tuple(shown))
