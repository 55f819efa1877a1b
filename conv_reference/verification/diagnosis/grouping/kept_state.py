"""What fails only because of what a target keeps between calls: one fault, in whatever it shows.

A buffer that is handed out again, a graph, a kernel of an earlier call: each shows in a dozen rows,
as numbers, gradients, memory and raises. So some cases of each are run once more on a target
whose module is loaded anew for every call. What comes out right there is of what was kept; what
fails there is a fault of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from conv_reference.quantities import FIRST_ORDER
from conv_reference.verification.checks import all_rows, check_of
from conv_reference.verification.checks.calls_before import ORDINARY
from conv_reference.verification.diagnosis.bench import Bench
from conv_reference.verification.diagnosis.failing_cases.reduce import smallest_failing
from conv_reference.verification.diagnosis.grouping.faults import Fault
from conv_reference.verification.diagnosis.grouping.freshly_loaded import (
    Question,
    comes_out_right_anew,
    is_of_what_is_kept,
    judged_anew,
    shown_at_once,
    shows_by_its_own_calls,
)
from conv_reference.verification.diagnosis.grouping.group import Group, Groups
from conv_reference.verification.diagnosis.kinds import (
    Kind,
    few_of,
    kind_of,
    row_of,
    size,
    thrown_alike,
)
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.judgement import Failure, Judgement
from conv_reference.verification.model.result import FOUND, Verdict
from conv_reference.verification.target.loading import loads_quickly

KEPT = (
    "Where the target's module is loaded anew for each call, this comes out right: it is what the "
    "target keeps from one call to the next, or shares between two at once."
)
ANSWERED_ANEW = (
    "These are answered where the target's module is loaded anew for each call, too: whatever else "
    "is answered beside them comes of what the target keeps from one call to the next."
)
_MOST_ASKED = 24  # faults
_OPTIONS = "options_before"  # the row that asks of one state alone, by other options
_ORDINARY = "calls_before"  # the row that begins with ordinary calls
_IN_TURN = (_OPTIONS, _ORDINARY)  # rows of one call after another
_InTurn = Mapping[str, Sequence[Failure]]  # of each such row of the run what fails in it
_NONE: _InTurn = MappingProxyType({})


def filed_under_what_is_kept(
    faults: Sequence[Fault],
    groups: Groups,
    bench: Bench,
    by_row: Mapping[str, Sequence[Failure]] = _NONE,
) -> list[Fault]:
    """The faults; those that come out right where nothing is kept are one, in place of the first.

    But for what raises by itself, which is one beside that, see ``_raises_by_itself``.

    Args:
        faults: in their order.
        groups: the failures of each kind; filled with one that shows by itself, where it takes one.
        bench: where the target has no module to load, or no time is left, nothing is run.
        by_row: the failures in each row of the run: such rows are put to other cases, too.
    """
    if not bench.target.importable or bench.target.offer is not None:
        return [*faults]
    asked = {n: _questions(fault.kinds[0], groups) for n, fault in enumerate(faults)}
    asked = {n: questions for n, questions in [*asked.items()][:_MOST_ASKED] if questions}
    answers = _answers({q: s for questions in asked.values() for q, s in questions.items()}, bench)
    in_turn = {row: by_row[row] for row in _IN_TURN if row in by_row}
    kept = [
        n
        for n, each in asked.items()
        if all(answers.get(q) is True for q in each)
        or _shows_by_their_own_calls(each, bench)
        or _shows_in_turn_alone(faults[n].kinds[0], [*each], groups, bench, in_turn)
    ]
    if not kept:
        return [*faults]
    raised = [n for n in kept if _raises_by_itself(faults[n], groups, bench, in_turn)]
    others = [n for n in kept if n not in raised]
    ones = [
        _as_one([faults[n] for n in those], groups, bench, in_turn)
        for those in (others, raised)
        if those
    ]
    if len(ones) > 1 and _is_of_numbers_before(groups[ones[0].kinds[0]].failures[0]):
        ones = [_joined(*ones)]
    return [
        each
        for n, fault in enumerate(faults)
        for each in (
            ones if n == kept[0] else () if n in kept else [_permissive_anew(fault, groups, bench)]
        )
    ]


def _permissive_anew(fault: Fault, groups: Groups, bench: Bench) -> Fault:
    """The fault; one of arguments that are answered shows those alone that nothing kept answers.

    Their sizes are those of a convolution that came before, and its answer may be found for them.
    """
    if fault.kinds[0].verdict != Verdict.PERMISSIVE or not loads_quickly(bench.target.name):
        return fault
    failures = [failure for kind in fault.kinds for failure in groups[kind].failures]
    questions = [(failure.case, failure.judgement.check) for failure in failures]
    anew = bench.ask(judged_anew, questions, bench.settings)
    shown = {kind_of(f): f for (case, _), judged in anew.items() for f in _found_in(case, judged)}
    fewer = {
        kind
        for kind in fault.kinds
        if kind in shown
        and shown[kind].judgement.explanation != groups[kind].failures[0].judgement.explanation
    }
    if not fewer:
        return fault
    for kind in fewer:
        groups[kind].failures[:] = [shown[kind]]
    return replace(fault, cause=ANSWERED_ANEW, as_met=True)


def _found_in(case: Case, judged: Sequence[Judgement]) -> list[Failure]:
    return [Failure(case, judgement) for judgement in judged if judgement.verdict in FOUND]


def _is_of_numbers_before(failure: Failure) -> bool:
    """Whether what is kept is made of another call's numbers, of the same sizes and options.

    Then what such a call has made in another mode, or under a transform, is kept just so.
    """
    return failure.judgement.before in ORDINARY


def _joined(stale: Fault, raised: Fault) -> Fault:
    """Both as one fault, which is told as what raises, too."""
    kinds, following = [*stale.kinds, *raised.kinds], [*stale.following, *raised.following]
    return replace(stale, kinds=kinds, following=following)


def _as_one(faults: Sequence[Fault], groups: Groups, bench: Bench, in_turn: _InTurn) -> Fault:
    """The faults as one that states what it comes of."""
    shown = _shown_alone(faults, groups, bench, in_turn) or min(faults, key=_is_raised).kinds
    every = (kind for fault in faults for kind in (*fault.kinds, *fault.following))
    return Fault([*shown], [kind for kind in every if kind not in shown], KEPT)


def _is_raised(fault: Fault) -> bool:
    return fault.kinds[0].verdict == Verdict.RAISED


def _raises_by_itself(fault: Fault, groups: Groups, bench: Bench, in_turn: _InTurn) -> bool:
    """Whether a new process raises it, and not for what makes its numbers wrong.

    A tensor that was made in inference mode, say, is kept beside others that are stale. What is
    stale may raise, too: then calls with other options show both.
    """
    kind = fault.kinds[0]
    if not _is_raised(fault):
        return False
    questions = _by_itself(fault, groups, bench, in_turn)
    alone = bench.ask(shown_at_once, questions, bench.settings)
    raised_in = {
        row
        for (case, row), judged in alone.items()
        if any(_is_like(judgement, case, kind) for judgement in judged)
    }
    wrong_in = {
        row
        for (_, row), judged in alone.items()
        if any(j.of_numbers and j.thrown is None for j in judged)
    }
    return bool(raised_in) and _OPTIONS not in raised_in & wrong_in


def _shows_by_their_own_calls(questions: Mapping[Question, str], bench: Bench) -> bool:
    """Whether each row calls so that it fails by what is kept then, and by nothing from before."""
    if any(questions.values()):  # under a setting, which this is not
        return False
    answers = bench.ask(shows_by_its_own_calls, questions, bench.settings)
    return all(answers.get(question) is True for question in questions)


def _shows_in_turn_alone(
    kind: Kind, own: Sequence[Question], groups: Groups, bench: Bench, in_turn: _InTurn
) -> bool:
    """Whether its cases come out right in a new process, and fail alike there after other calls.

    What a process keeps by then may be neither what was behind the failure nor what is right, so
    that running its cases on and on shows nothing.
    """
    if not in_turn or not loads_quickly(bench.target.name):
        return False
    alone = bench.ask(shown_at_once, own, bench.settings)
    if len(alone) < len(own) or any(alone.values()):  # what was not reached shows nothing
        return False
    questions = _asked_in_turn(kind, groups, bench, in_turn)
    in_turns = bench.ask(shown_at_once, questions, bench.settings)
    alike = [q for q, judged in in_turns.items() if any(_is_like(j, q[0], kind) for j in judged)]
    return any(bench.ask(comes_out_right_anew, alike, bench.settings).values())


def _is_like(judgement: Judgement, case: Case, kind: Kind) -> bool:
    if kind.verdict == Verdict.RAISED:
        return thrown_alike(Failure(case, judgement)) == kind.thrown
    return judgement.verdict == kind.verdict and judgement.of_numbers


def _by_itself(fault: Fault, groups: Groups, bench: Bench, in_turn: _InTurn) -> list[Question]:
    """What may show a fault in a process that does nothing else.

    Its smallest failure in each row, and on a few of its cases the checks that call in sequence.
    """
    failures = groups[fault.kinds[0]].failures
    smallest: dict[str, Failure] = {}
    for failure in sorted(failures, key=size):
        smallest.setdefault(failure.judgement.check, failure)
    own = [
        (failure.case, row)
        for row, failure in smallest.items()
        if all_rows()[row].repeatable and not failure.judgement.setting
    ]
    return [*own, *_asked_in_turn(fault.kinds[0], groups, bench, in_turn)]


def _asked_in_turn(kind: Kind, groups: Groups, bench: Bench, in_turn: _InTurn) -> list[Question]:
    """What these rows ask on a few cases, of those that fail in them and of its failures."""
    few = few_of(groups[kind].failures)
    own = [(f.case, row) for row, those in in_turn.items() if those for f in few_of(those)]
    further = (_put_by(row, f.case, bench) for row in in_turn for f in few)
    return [*own, *filter(None, further)]


def _put_by(row: str, case: Case, bench: Bench) -> Question | None:
    """The question that a row puts to a case; None where the target or the row has none."""
    check = check_of(row)
    if check.has_own or check.real or check.unsupported(bench.target) is not None:
        return None
    return bench.recast(case, check.name), row


def _questions(kind: Kind, groups: Groups) -> dict[Question, str]:
    """A few of its failures, with the settings that they were met under; none of what is left."""
    few = few_of(groups[kind].failures)
    judgement = few[0].judgement
    if kind.known or judgement.crash or not row_of(judgement).repeatable:
        return {}
    return {(f.case, f.judgement.check): f.judgement.setting for f in few}


def _answers(questions: dict[Question, str], bench: Bench) -> dict[Question, bool]:
    """Whether each is of what is kept, run under its setting."""
    found: dict[Question, bool] = {}
    for setting in dict.fromkeys(questions.values()):
        few = [question for question, own in questions.items() if own == setting]
        if not setting:
            found |= bench.ask(is_of_what_is_kept, few, bench.settings)
        elif True in found.values():  # else it is the setting's, as far as anybody can see
            with bench.at(setting) as there:
                found |= {} if there is None else there.ask(is_of_what_is_kept, few, bench.settings)
    return found


def _shown_alone(
    faults: Sequence[Fault], groups: Groups, bench: Bench, in_turn: _InTurn
) -> list[Kind]:
    """A kind of failure that a process shows which does nothing else; none where none does.

    The certificate of a case shows what an earlier one left behind. So the rows that fail because
    of it are run, too, on the smallest case. A wrong number is understood the soonest.
    """
    first = groups[faults[0].kinds[0]]
    smallest = min(first.failures, key=size)
    rows = (row for row in first.rows if all_rows()[row].repeatable)
    further = filter(None, (_put_by(row, smallest.case, bench) for row in rows))
    own = (question for fault in faults for question in _by_itself(fault, groups, bench, in_turn))
    ordinary = filter(None, [_put_by(_ORDINARY, smallest.case, bench)])
    alone = bench.ask(shown_at_once, (*ordinary, *own, *further), bench.settings)
    failures = [Failure(case, j) for (case, _), judged in alone.items() for j in judged]
    failures = [failure for failure in failures if bench.known(failure) is None]
    # Where all raise, a wrong number is not what they show; and no raise shows what is wrong.
    thrown = {f.kinds[0].thrown for f in faults} if all(map(_is_raised, faults)) else {None}
    failures = [failure for failure in failures if thrown_alike(failure) in thrown]
    plainest = _first_kept(sorted(failures, key=_obscurity), bench)
    if plainest is None:
        return []
    kind = kind_of(plainest)
    groups.setdefault(kind, Group()).failures.insert(0, plainest)
    return [
        kind,
        *(k for f in faults for k in f.kinds if k.in_any_dtype == kind.in_any_dtype and k != kind),
    ]


def _first_kept(failures: Iterable[Failure], bench: Bench) -> Failure | None:
    """The first that comes out right where nothing is kept: what raises in every call does not."""
    for failure in failures:
        question = failure.case, failure.judgement.check
        if bench.ask(comes_out_right_anew, [question], bench.settings).get(question):
            return failure
    return None


def _obscurity(failure: Failure) -> tuple[bool, int]:
    """How hard it is to see in it what is kept: least where an ordinary call has left it."""
    judgement, ordinary = failure.judgement, [*ORDINARY]
    if judgement.before in ordinary:
        place = ordinary.index(judgement.before)
    else:  # what says what was called before comes next
        place = len(ordinary) + (judgement.check != _OPTIONS)
        # What raises after calls in some mode is rarer than what raises by itself.
        place += judgement.thrown is not None and judgement.check == _ORDINARY
    return not _is_of_a_number(judgement), place


def _is_of_a_number(judgement: Judgement) -> bool:
    return judgement.of_numbers and judgement.quantity in FIRST_ORDER and bool(judgement.index)


def smallest_alone(failure: Failure, bench: Bench, elsewhere: Case | None) -> Failure:
    """The failure on the smallest case that shows it by itself; as it was met where none does.

    Args:
        failure: of what is kept.
        bench: where cases are run again.
        elsewhere: the smallest case of the same failure in another dtype, where that is known.
    """
    shown, before = [failure], failure.judgement.before
    settings = replace(bench.settings, before=(before,) if before else ())

    def fails(case: Case) -> bool:
        question, wanted = (case, failure.judgement.check), kind_of(failure).in_any_dtype
        judged = bench.ask(shown_at_once, [question], settings).get(question, ())
        # By number or by shape: which of them what is kept spoils is another on each case.
        alike = [f for j in judged if kind_of(f := Failure(case, j)).in_any_dtype == wanted]
        shown.extend(alike[:1])
        return bool(alike)

    if elsewhere is not None:
        fails(replace(elsewhere, dtype=failure.case.dtype))
    elif fails(failure.case):
        smallest_failing(failure.case, failure.judgement.quantity_name, fails)
    return shown[-1]
