"""A target that answers one question now rightly and now wrongly: what else follows from that.

It keeps something between calls, reads memory that was never written, or leaves it to chance. Then
nearly every row shows it, and each of a failing case's certificates, run once, may be right.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from conv_reference.verification.checks import Reported
from conv_reference.verification.diagnosis.bench import Bench
from conv_reference.verification.diagnosis.kinds import Kind, kind_of, row_of, size
from conv_reference.verification.execution import Settings, guarded, judge_case
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.judgement import Failure, Judgement
from conv_reference.verification.model.result import FOUND, Verdict
from conv_reference.verification.target.target import Target
from conv_reference.verification.trial.trial import TargetRaised, target_code

_ROUNDS, _SECONDS = 16, 1.0  # at most, in which one case is run again
_BRIEF_ROUNDS = 4  # where the certificate's own failures stay what they are
_MOST_HELD = 6  # failures of one kind that are run again: of a constant fault all fail

Explains = Callable[[Judgement, Judgement], bool]


def changeable(failures: Sequence[Failure], bench: Bench) -> list[Failure]:
    """Those that are wrong in a number, whose cases come out right when run again.

    Of each kind the smallest are run: beside a constant fault another may come and go.
    """
    numbers = [f for f in failures if _is_number(f.judgement) and bench.known(f) is None]
    asked, counts = list[Failure](), Counter[Kind]()
    for failure in sorted(numbers, key=size):
        kind = kind_of(failure).in_any_dtype
        counts[kind] += 1
        if counts[kind] <= _MOST_HELD:
            asked.append(failure)
    answers = bench.failures_on(f.case for f in asked)
    return [f for f in asked if answers.get(f.case) == []]


def behind_changes(
    failures: Sequence[Failure],
    first: Sequence[Failure],
    fickle: Sequence[Failure],
    explains: Explains,
    bench: Bench,
) -> dict[Failure, Failure]:
    """What failures follow from, of a target whose answers change.

    The certificates of each are run in turn, over other numbers each time: what keeps an answer of
    an earlier call shows it then, and so does what few numbers show. Where the certificate's own
    failures come and go, they are run more often; and what no certificate explains follows where
    its own case, too, comes out right now and then.

    Args:
        failures: of other rows than the certificate's.
        first: those of the certificate; where all are known defects, nothing is run.
        fickle: those of them that come and go, see ``changeable``.
        explains: whether one judgement is the cause of another on the same case.
        bench: with no time left, nothing is run.
    """
    wrong = [f for f in failures if _may_follow(f.judgement)]
    met = {kind_of(f).in_any_dtype: f for f in first if bench.known(f) is None}
    if not met or not wrong or bench.is_over:
        return {}
    questions = {f: tuple(filter(bench.may_ask, bench.certificates_of(f))) for f in wrong}
    rounds = _ROUNDS if fickle else _BRIEF_ROUNDS
    argument = bench.settings, rounds
    answers = bench.ask(failing_in_turn, filter(None, questions.values()), argument)
    found: dict[Failure, Failure] = {}
    for failure in wrong:
        answer = answers.get(questions[failure])
        judged = answer if isinstance(answer, tuple) else ()
        behind = (Failure(c, j) for c, j in judged if explains(j, failure.judgement))
        # The run's own of that kind stands for it: its numbers are those of the run's seed.
        known = (met.get(kind_of(each).in_any_dtype) for each in behind)
        origin = next(filter(None, known), None)
        if origin is not None:
            found[failure] = origin
    if not fickle:
        return found
    left = [f for f in wrong if f not in found]
    again = bench.ask(comes_out_right, (f.case for f in left), bench.settings)
    return found | {f: fickle[0] for f in left if again.get(f.case) is True}


def failing_in_turn(
    target: Target, cases: tuple[Case, ...], argument: tuple[Settings, int]
) -> tuple[tuple[Case, Judgement], ...]:
    """How the cases fail in the first round in which one does, each round over other numbers."""
    settings, rounds = argument
    ending = time.monotonic() + _SECONDS
    for number in range(rounds):
        asked = replace(settings, seed=settings.seed + number)
        judged = [(case, j) for case in cases for j in judge_case(target, case, asked)]
        found = tuple((case, j) for case, j in judged if j.verdict in FOUND)
        if found or time.monotonic() > ending:
            return found
    return ()


def comes_out_right(target: Target, case: Case, settings: Settings) -> bool:
    """Whether nothing fails on the case in one of several times."""
    ending = time.monotonic() + _SECONDS
    for _ in range(_ROUNDS):
        if not any(j.verdict in FOUND for j in judge_case(target, case, settings)):
            return True
        if time.monotonic() > ending:
            break
    return False


def keeps_answers(target: Target, case: Case, settings: Settings) -> bool:
    """Whether Y does not follow X and K as these change their signs: something of it is kept."""
    trial = settings.trial(target, replace(case, requires_grad=""))
    given = replace(trial.operands, bias=trial.operands.bias * 0)
    changed = (replace(given, input=-given.input), replace(given, weight=-given.weight))
    try:
        with guarded(), target_code("Y"):
            Y, *others = (trial.call(each).forward() for each in (given, *changed))
    except TargetRaised:
        return False
    answers = [each for each in (Y, *others) if isinstance(each, Tensor)]
    return len(answers) == len(changed) + 1 and not all(torch.equal(-Y, each) for each in others)


def _is_number(judgement: Judgement) -> bool:
    return row_of(judgement).reported == Reported.NUMBER and judgement.verdict == Verdict.WRONG


def _may_follow(judgement: Judgement) -> bool:
    """Whether it is numbers that are wrong: they follow from other numbers."""
    apart = row_of(judgement).reported == Reported.APART
    return judgement.verdict == Verdict.WRONG and judgement.of_numbers and not apart
