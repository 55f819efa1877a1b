"""What fails only because of what a target keeps between calls: one fault, in whatever it shows.

A buffer that is handed out again, a graph, a kernel of an earlier call: each shows in a dozen rows,
as numbers, gradients, memory and raises. So some cases of each are run once more on a target
whose module is loaded anew for every call. What comes out right there is of what was kept; what
fails there is a fault of its own.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import count
from typing import Any

from conv_reference.operands import Operands
from conv_reference.quantities import FIRST_ORDER
from conv_reference.verification.checks import all_rows, check_of
from conv_reference.verification.diagnosis.bench import Bench
from conv_reference.verification.diagnosis.failing_cases.reduce import smallest_failing
from conv_reference.verification.diagnosis.grouping.faults import Fault
from conv_reference.verification.diagnosis.grouping.origins import Group, Groups
from conv_reference.verification.diagnosis.kinds import Kind, few_of, kind_of, row_of, size
from conv_reference.verification.execution import Settings, judge_case
from conv_reference.verification.model.case import Case, Values
from conv_reference.verification.model.errors import TargetError
from conv_reference.verification.model.judgement import Failure, Judgement
from conv_reference.verification.model.result import FOUND, Verdict
from conv_reference.verification.target.loading import loaded_anew
from conv_reference.verification.target.target import Call, Target

KEPT = (
    "Where the target's module is loaded anew for each call, this comes out right: it is what the "
    "target keeps from one call to the next."
)
_Question = tuple[Case, str]  # a case, and the row that fails on it
_MOST_ASKED = 24  # faults
_TIMES = 4
_ROUNDS = 2  # in which other calls come before a case that passes
_FURTHER = 7  # calls of one function for which a module of their own is made beforehand
_MOST_SECONDS = 0.02  # that loading may take: it is done for each call


def filed_under_what_is_kept(faults: Sequence[Fault], groups: Groups, bench: Bench) -> list[Fault]:
    """The faults; those that come out right where nothing is kept are one, in place of the first.

    Args:
        faults: in their order.
        groups: the failures of each kind; filled with one that shows by itself, where it takes one.
        bench: where the target has no module to load, or no time is left, nothing is run.
    """
    if not bench.target.importable or bench.target.offer is not None:
        return [*faults]
    asked = {n: _questions(fault.kinds[0], groups) for n, fault in enumerate(faults)}
    asked = {n: questions for n, questions in [*asked.items()][:_MOST_ASKED] if questions}
    answers = _answers({q: s for questions in asked.values() for q, s in questions.items()}, bench)
    kept = [n for n, each in asked.items() if all(answers.get(q) is True for q in each)]
    if not kept:
        return [*faults]
    shown = _shown_alone([faults[n] for n in kept], groups, bench) or faults[kept[0]].kinds
    every = (kind for n in kept for kind in (*faults[n].kinds, *faults[n].following))
    one = Fault([*shown], [kind for kind in every if kind not in shown], KEPT)
    return [one if n == kept[0] else each for n, each in enumerate(faults) if n not in kept[1:]]


def _questions(kind: Kind, groups: Groups) -> dict[_Question, str]:
    """A few of its failures, with the settings that they were met under; none of what is left."""
    few = few_of(groups[kind].failures)
    judgement = few[0].judgement
    if kind.known or judgement.crash or not row_of(judgement).repeatable:
        return {}
    return {(f.case, f.judgement.check): f.judgement.setting for f in few}


def _answers(questions: dict[_Question, str], bench: Bench) -> dict[_Question, bool]:
    """Whether each is of what is kept, run under its setting."""
    found: dict[_Question, bool] = {}
    for setting in dict.fromkeys(questions.values()):
        few = [question for question, own in questions.items() if own == setting]
        if not setting:
            found |= bench.ask(is_of_what_is_kept, few, bench.settings)
        elif True in found.values():  # else it is the setting's, as far as anybody can see
            with bench.at(setting) as there:
                found |= {} if there is None else there.ask(is_of_what_is_kept, few, bench.settings)
    return found


def _shown_alone(faults: Sequence[Fault], groups: Groups, bench: Bench) -> list[Kind]:
    """A kind of failure that a process shows which does nothing else; none where none does.

    The certificate of a case shows what an earlier one left behind. So the rows that fail because
    of it are run, too, on the smallest case. A wrong number is understood the soonest.
    """
    first = faults[0].kinds[0]
    smallest = min(groups[first].failures, key=size)
    owners = {row: check_of(row) for row in groups[first].also if all_rows()[row].repeatable}
    asked = (_questions(fault.kinds[0], groups) for fault in faults)
    own = [next(iter(each)) for each in asked if not any(each.values())]
    further = [
        (bench.recast(smallest.case, check.name), row)
        for row, check in owners.items()
        if not check.has_own and not check.real
    ]
    alone = bench.ask(shown_at_once, (*own, *further), bench.settings)
    failures = [Failure(case, j) for (case, _), judged in alone.items() for j in judged]
    failures = [failure for failure in failures if bench.known(failure) is None]
    if not failures:
        return []
    plainest = min(failures, key=lambda failure: not _is_of_a_number(failure.judgement))
    kind = kind_of(plainest)
    groups.setdefault(kind, Group()).failures.insert(0, plainest)
    return [
        kind,
        *(k for f in faults for k in f.kinds if k.in_any_dtype == kind.in_any_dtype and k != kind),
    ]


def _is_of_a_number(judgement: Judgement) -> bool:
    return judgement.of_numbers and judgement.quantity in FIRST_ORDER and bool(judgement.index)


def smallest_alone(failure: Failure, bench: Bench, elsewhere: Case | None) -> Failure:
    """The failure on the smallest case that shows it by itself; as it was met where none does.

    Args:
        failure: of what is kept.
        bench: where cases are run again.
        elsewhere: the smallest case of the same failure in another dtype, where that is known.
    """
    shown = [failure]

    def fails(case: Case) -> bool:
        question, wanted = (case, failure.judgement.check), kind_of(failure).in_any_dtype
        judged = bench.ask(shown_at_once, [question], bench.settings).get(question, ())
        alike = [f for j in judged if kind_of(f := Failure(case, j)).in_any_dtype == wanted]
        shown.extend(alike[:1])
        return bool(alike)

    if elsewhere is not None:
        fails(replace(elsewhere, dtype=failure.case.dtype))
    elif fails(failure.case):
        smallest_failing(failure.case, failure.judgement.quantity_name, fails)
    return shown[-1]


def shown_at_once(target: Target, question: _Question, settings: Settings) -> tuple[Judgement, ...]:
    """How the row fails on the case, of a module that was loaded just now."""
    case, row = question
    try:
        judged = judge_case(loaded_anew(target), case, settings)
    except TargetError:
        return ()
    return tuple(each for each in judged if each.check == row and each.verdict in FOUND)


def is_of_what_is_kept(target: Target, question: _Question, settings: Settings) -> bool:
    """Whether the row fails on the case, and does not where the module is loaded for each call."""
    try:
        begun = time.thread_time()
        loaded_anew(target)
        if time.thread_time() - begun > _MOST_SECONDS:
            return False
    except TargetError:  # twice it cannot be loaded
        return False
    case, row = question
    other = _forgetting(target)
    # In turn, and more than once: an answer may change by chance.
    return all(
        _fails(target, case, row, settings) and _passes(other, case, row, settings)
        for _ in range(_TIMES)
    )


def _fails(target: Target, case: Case, row: str, settings: Settings) -> bool:
    """Whether it does, if not at once, then where calls on other numbers came before all else.

    The answer that is kept may be that of the first call with these operands, and right.
    """
    if _verdicts(target, case, row, settings) & FOUND:
        return True
    for further in range(1, _ROUNDS + 1):
        fresh = loaded_anew(target)
        judge_case(fresh, _on_others(case), replace(settings, seed=settings.seed + further))
        if _verdicts(fresh, case, row, settings) & FOUND:
            return True
    return False


def _on_others(case: Case) -> Case:
    """The case over numbers that follow from the seed: ones, say, are always the same."""
    return case if case.values == Values.REAL else replace(case, values=Values.BALANCED)


def _passes(target: Target, case: Case, row: str, settings: Settings) -> bool:
    """Whether it is answered, and rightly: what is refused shows nothing."""
    verdicts = _verdicts(target, case, row, settings)
    return bool(verdicts) and verdicts <= {Verdict.EXACT, Verdict.ROUNDED}


def _verdicts(target: Target, case: Case, row: str, settings: Settings) -> set[Verdict]:
    judged = judge_case(target, case, settings)
    return {judgement.verdict for judgement in judged if judgement.check == row}


def _forgetting(target: Target) -> Target:
    """The same, made anew for each call; a layer is, too, but is then called as it is."""

    def prepare(case: Case, operands: Operands) -> Call:
        call = loaded_anew(target).prepare(case, operands)
        if call.layer is not None:
            return call

        def another() -> Call:
            return loaded_anew(target).prepare(case, operands)

        # Made beforehand: it may be called under a transform, where no operand can be.
        made = [call, *(another() for _ in range(_FURTHER))]
        turns = count()

        def function(*given: Any) -> Any:
            turn = next(turns)
            if turn >= len(made):
                with suppress(RuntimeError):  # see above
                    made.append(another())
            return made[turn % len(made)].function(*given)

        return replace(call, function=function)

    return replace(target, prepare=prepare)
