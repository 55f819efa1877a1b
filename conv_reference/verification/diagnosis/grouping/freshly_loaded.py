"""The target with its module loaded anew, so that no call finds what an earlier one has left."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from conv_reference.operands import Operands
from conv_reference.verification.checks.calls_before import BEFORE
from conv_reference.verification.execution import Settings, judge_case
from conv_reference.verification.model.case import Case, Values
from conv_reference.verification.model.errors import TargetError
from conv_reference.verification.model.judgement import Judgement
from conv_reference.verification.model.result import FOUND, Verdict
from conv_reference.verification.target.loading import loaded_anew, loads_quickly
from conv_reference.verification.target.target import Call, Target

Question = tuple[Case, str]  # a case, and the row that fails on it
_TIMES = 4
_ROUNDS = 2  # in which other calls come before a case that passes
_BEFOREHAND = 8  # calls of one function or layer for which a module of their own is made


def shown_at_once(target: Target, question: Question, settings: Settings) -> tuple[Judgement, ...]:
    """How the row fails on the case, of a module that was loaded just now.

    Where calls of several kinds come before, one after another, each that fails is to do so on a
    module that was loaded for it alone: else it may be named for what another has left. Where none
    does, those are named that it takes together.
    """
    _, row = question
    judged = _at_once(target, question, settings)
    if not judged or settings.before or row not in BEFORE:
        return judged
    each = (replace(settings, before=(kind,)) for kind in BEFORE[row])
    alone = tuple(judgement for one in each for judgement in _at_once(target, question, one))
    return alone or _after_the_fewest(target, question, settings) or judged


def _at_once(target: Target, question: Question, settings: Settings) -> tuple[Judgement, ...]:
    case, row = question
    try:
        judged = judge_case(loaded_anew(target), case, settings)
    except TargetError:
        return ()
    return tuple(each for each in judged if each.check == row and each.verdict in FOUND)


def _after_the_fewest(
    target: Target, question: Question, settings: Settings
) -> tuple[Judgement, ...]:
    """How the row fails after the fewest kinds of calls that it takes, all of which are named."""

    def failing(kinds: Sequence[str]) -> tuple[Judgement, ...]:
        return _at_once(target, question, replace(settings, before=tuple(kinds)))

    needed = [*BEFORE[question[1]]]
    for kind in needed[:]:
        fewer = [each for each in needed if each != kind]
        if failing(fewer):
            needed = fewer
    said = f"It takes calls of several kinds, in turn: {'; '.join(needed)}."
    return tuple(replace(each, beneath=(*each.beneath, said)) for each in failing(needed))


def comes_out_right_anew(target: Target, question: Question, settings: Settings) -> bool:
    """Whether the row passes on the case where the module is loaded for each call."""
    return _passes(_forgetting(target), *question, settings)


def judged_anew(target: Target, question: Question, settings: Settings) -> tuple[Judgement, ...]:
    """What the row comes to on the case where the module is loaded for each call."""
    case, row = question
    judged = judge_case(_forgetting(target), case, settings)
    return tuple(judgement for judgement in judged if judgement.check == row)


def shows_by_its_own_calls(target: Target, question: Question, settings: Settings) -> bool:
    """Whether the row fails on a module of its own, and not where it is loaded for each call.

    Whatever the process has kept by then: that may happen to be what is right for these calls.
    """
    if not loads_quickly(target.name):
        return False
    return all(
        _at_once(target, question, settings) and comes_out_right_anew(target, question, settings)
        for _ in range(_TIMES)
    )


def is_of_what_is_kept(target: Target, question: Question, settings: Settings) -> bool:
    """Whether the row fails on the case, and does not where the module is loaded for each call."""
    if not loads_quickly(target.name):
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
    """The same, made anew for each call: its module is loaded, and of a class a layer is made.

    What a call is made with is gone with it, so that nothing of it is held.
    """

    def prepare(case: Case, operands: Operands) -> Call:
        def another() -> Call:
            return loaded_anew(target).prepare(case, operands)

        # Made beforehand: it may be called under a transform, where no operand can be.
        made = [another() for _ in range(_BEFOREHAND)]

        def function(*given: Any) -> Any:
            if len(made) == 1:
                with suppress(RuntimeError):  # see above
                    made.append(another())
            one = made.pop(0) if len(made) > 1 else made[0]
            return one.function(*given)

        return replace(another(), function=function)

    def call_with(*given: Any, **options: Any) -> Any:
        anew = loaded_anew(target).call_with
        assert anew is not None  # as of the target itself
        return anew(*given, **options)

    by_options = None if target.call_with is None else call_with
    # No check is to load it: that module would be loaded for several calls.
    return replace(target, prepare=prepare, importable=False, call_with=by_options)
