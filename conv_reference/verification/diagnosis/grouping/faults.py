"""Faults: the kinds of failures that have one cause, and which failures are a fault's own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from conv_reference.quantities import GRADIENTS, QUANTITIES
from conv_reference.verification.checks import Reported
from conv_reference.verification.diagnosis.bench import Bench
from conv_reference.verification.diagnosis.grouping.follows import (
    CHANGED,
    disturbs,
    explains,
    is_made_of,
    meets_a_graph_gone,
    meets_a_level_gone,
    misses_a_shape,
    writes_in_place,
)
from conv_reference.verification.diagnosis.grouping.group import Groups
from conv_reference.verification.diagnosis.grouping.intermittent import keeps_answers
from conv_reference.verification.diagnosis.grouping.pairings import of_one_other_map, own_gradients
from conv_reference.verification.diagnosis.kinds import (
    Condition,
    Kind,
    has_own_sizes,
    is_near,
    manner,
    row_of,
    size,
)
from conv_reference.verification.model.case import DTYPES, Case, Values
from conv_reference.verification.model.judgement import Failure, Judgement
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.plan.possible import dense
from conv_reference.verification.trial.values import case_operands

_MOST_HELD = 12  # cases in which a gradient is held against the target's own Y
_SIGNS = "upstream_signs"  # the row of a G that is zero, or of one sign
_MOST_KEPT = 4  # cases that are asked whether their answer is an earlier one
_MOSTLY = 0.75  # of the failures
_BY_CHANCE = 0.05  # of the cases, those on which a wrong Y may be right
_PRECISION = {name: place for place, name in enumerate(DTYPES)}  # the widest dtype is shown first


@dataclass
class Fault:
    """One cause: its failures in each dtype, and the kinds of those that follow from it."""

    kinds: list[Kind] = field(default_factory=list)
    following: list[Kind] = field(default_factory=list)
    cause: str = ""  # where it was asked for
    as_met: bool = False  # whether its cases, run once more, show what is another fault's, too


def faults_of(groups: Groups, bench: Bench) -> list[Fault]:
    """The faults behind the groups, in their order; the widest dtype of each first.

    What fails alike in several dtypes is one fault. So is a wrong Y with gradients that are wrong
    because of it, see ``own_gradients``; so are dX and dK of one backward pass, see
    ``of_one_other_map``; so is all that is wrong by a little; and what raises
    because of an argument that is changed, of a gradient of another shape, or of an answer that
    was kept from an earlier call; what lacks a gradient where G is empty and where it is zero; what
    leaves the process with one status; and gradients that end it, or are late, alike.
    """
    faults: dict[Kind, Fault] = {}
    perhaps: dict[str, Kind] = {}  # of each known defect that some may be
    for kind in groups:
        first = perhaps.setdefault(kind.perhaps, kind.in_any_dtype)
        faults.setdefault(first if kind.perhaps else kind.in_any_dtype, Fault()).kinds.append(kind)
    for fault in faults.values():
        fault.kinds.sort(key=lambda kind: _PRECISION[kind.dtype])
    _file_raises(faults, groups, "arguments", writes_in_place)
    _file_raises(faults, groups, "shapes", misses_a_shape, lambda kind: kind.quantity in GRADIENTS)
    _file_raises(faults, groups, "updated_arguments", meets_a_graph_gone)
    _file_raises(faults, groups, "forward", meets_a_level_gone, partial(_is_kept, groups, bench))
    _file_without_upstream(faults, groups, bench)
    _file_left(faults, groups)
    _file_backward(faults, groups, bench)
    _file_slight(faults, groups)
    forward = next((kind for kind in faults if _wrong_quantity(kind) == "Y"), None)
    if forward is not None:
        _file_gradients(faults, forward, groups, bench)
    _file_one_backward(faults, groups, bench)
    _file_if_alike(faults, groups)
    return [*faults.values()]


def _file_gradients(faults: dict[Kind, Fault], forward: Kind, groups: Groups, bench: Bench) -> None:
    """File the gradients of the target's own wrong Y under that."""
    follows = [
        kind
        for kind, fault in faults.items()
        if _wrong_quantity(kind) in GRADIENTS
        and _follows(fault.kinds[0], faults[forward], groups, bench)
    ]
    for kind in follows:
        if bench.is_over:
            groups[faults[forward].kinds[0]].unasked[kind.row] = None
        faults[forward].following += faults.pop(kind).kinds


def _file_one_backward(faults: dict[Kind, Fault], groups: Groups, bench: Bench) -> None:
    """File a wrong dK under a wrong dX where both are the gradients of one other map."""
    by_quantity = {_wrong_quantity(kind): kind for kind in faults}
    if not {"dX", "dK"} <= by_quantity.keys():
        return
    X, K = by_quantity["dX"], by_quantity["dK"]
    failures = [f for kind in (X, K) for own in faults[kind].kinds for f in groups[own].failures]
    asked = _spread({f.case: f for f in failures}.values(), bench)
    held = set(bench.ask(of_one_other_map, asked, bench.settings).values())
    if True in held and False not in held and _dtypes(faults[K]) <= _dtypes(faults[X]):
        faults[X].following += faults.pop(K).kinds


def _file_raises(
    faults: dict[Kind, Fault],
    groups: Groups,
    row: str,
    follows: Callable[[Judgement], bool],
    may_cause: Callable[[Kind], bool] = lambda _: True,
) -> None:
    """File what raises because of what a row reports under that, where it reports anything.

    A tensor may not be written to; a gradient of another shape may not even be summed to size.
    """
    wrong = [k for k in faults if k.row == row and k.verdict == Verdict.WRONG and not k.known]
    raised = [
        kind
        for kind, fault in faults.items()
        if kind.verdict == Verdict.RAISED
        and not kind.known
        and follows(groups[fault.kinds[0]].failures[0].judgement)
    ]
    cause = next(filter(may_cause, wrong), None) if raised else None
    if cause is not None:
        faults[cause].following += [own for kind in raised for own in faults.pop(kind).kinds]


def _is_kept(groups: Groups, bench: Bench, kind: Kind) -> bool:
    """Whether a wrong Y is one that was kept: what a tensor of an earlier call may be behind."""
    of_kind = (f for each in groups if each.in_any_dtype == kind for f in groups[each].failures)
    first = sorted(of_kind, key=size)[:_MOST_KEPT]
    asked = [_asking_all(failure.case, bench) for failure in first]
    return any(bench.ask(keeps_answers, asked, bench.settings).values())


def _file_without_upstream(faults: dict[Kind, Fault], groups: Groups, bench: Bench) -> None:
    """File gradients that are missing where G is empty under those missing where it is zero.

    Nothing of an empty G differs from zero either, and whoever looks for that finds nothing.
    """
    signs = (k for k in faults if k.row == _SIGNS and not k.known and _lacks(faults[k], groups))
    cause = next(signs, None)
    if cause is None:
        return
    missing = [k for k in faults if k.row != _SIGNS and not k.known and _lacks(faults[k], groups)]
    for kind in missing:
        cases = (f.case for own in faults[kind].kinds for f in groups[own].failures)
        if all(_has_no_upstream(case, bench) for case in cases):
            faults[cause].following += faults.pop(kind).kinds


def _lacks(fault: Fault, groups: Groups) -> bool:
    """Whether all of its failures lack a gradient."""
    return all(f.judgement.lacks_gradient for kind in fault.kinds for f in groups[kind].failures)


def _has_no_upstream(case: Case, bench: Bench) -> bool:
    empty = case.geometry.batch == 0
    return (
        empty
        or not case_operands(case, bench.settings.seed, bench.target.operator).grad_output.any()
    )


def _file_left(faults: dict[Kind, Fault], groups: Groups) -> None:
    """File that the process was left, in a check of its own sizes, under that of the certificate.

    Where the call that ends it gives the same status. Who is killed by a signal may be so for any
    number of reasons.
    """
    crashes = [kind for kind in faults if kind.verdict == Verdict.CRASHED and not kind.known]
    ends = {kind: groups[faults[kind].kinds[0]].failures[0] for kind in crashes}
    for kind, shown in ends.items():
        crash = shown.judgement.crash
        if crash is None or not crash.left or not has_own_sizes(shown):
            continue
        alike = (
            other
            for other, first in ends.items()
            if other in faults
            and row_of(first.judgement).is_first
            and first.judgement.crash is not None
            and (first.judgement.crash.how, first.judgement.crash.said) == (crash.how, crash.said)
        )
        cause = next(alike, None)
        if cause is not None:
            faults[cause].following += faults.pop(kind).kinds


def _file_backward(faults: dict[Kind, Fault], groups: Groups, bench: Bench) -> None:
    """File a gradient that ends its process, or is late, under another that does so on its case.

    One call computes them, and which of them was requested differs from case to case.
    """
    ended = [k for k in faults if k.verdict == Verdict.CRASHED and k.quantity in GRADIENTS]
    own = [kind for kind in ended if not (kind.known or kind.perhaps)]
    own.sort(key=lambda kind: [*QUANTITIES].index(kind.quantity))
    for kind in own[1:]:
        shown = min((f for k in faults[kind].kinds for f in groups[k].failures), key=size)
        wanted = replace(shown.case, requires_grad=QUANTITIES[own[0].quantity].leaf)
        answers = bench.failures_on([wanted]).get(wanted, ())
        if any(other.judgement.crash is not None for other in answers):
            faults[own[0]].following += faults.pop(kind).kinds


def _file_slight(faults: dict[Kind, Fault], groups: Groups) -> None:
    """Quantities that are wrong by little, in the same dtypes, are computed in too few bits.

    That is one cause, though no gradient is just that of the target's own Y. So is a Y in another
    dtype, of which an upstream gradient has no more bits.
    """
    numbers = [kind for kind in faults if _wrong_quantity(kind)]
    numbers.sort(key=lambda kind: [*QUANTITIES].index(kind.quantity))
    slight = [kind for kind in numbers if _is_slight(faults[kind], groups)]
    slight = [*(k for k in faults if _is_y_of_another_kind(faults[k], groups)), *slight]
    for kind in slight[1:]:
        if _dtypes(faults[kind]) <= _dtypes(faults[slight[0]]):
            faults[slight[0]].following += faults.pop(kind).kinds


def _file_if_alike(faults: dict[Kind, Fault], groups: Groups) -> None:
    """File what there was no time to try under what fails in one way with it: that says so.

    Or under what fails in a mode that it is made of.
    """
    own = [kind for kind in faults if not (kind.known or kind.perhaps)]
    for place, kind in enumerate(own):
        if not all(groups[each].loose for each in faults[kind].kinds):
            continue
        shown = groups[faults[kind].kinds[0]].failures[0].judgement
        follows = row_of(shown).follows
        for other in own:
            if other == kind or other not in faults:
                continue
            first = groups[faults[other].kinds[0]].failures[0]
            is_alike = other in own[:place] and _are_alike(first.judgement, shown)
            if is_alike or (first.case.check in follows and is_made_of(first.judgement, shown)):
                groups[faults[other].kinds[0]].unasked[shown.check] = None
                fault = faults.pop(kind)
                faults[other].following += [*fault.kinds, *fault.following]
                break


def _are_alike(one: Judgement, other: Judgement) -> bool:
    """Whether both are about one of Y, dX, dK and db, or computed like it, and fail in one way."""
    is_raise = one.thrown is not None or other.thrown is not None  # which have their own kinds
    same = (one.like, one.verdict, manner(one)) == (other.like, other.verdict, manner(other))
    return same and not is_raise


def _is_y_of_another_kind(fault: Fault, groups: Groups) -> bool:
    """Whether it is that of Y's dtype: where its shape is wrong, no gradient is asked for."""
    if fault.kinds[0].known or fault.kinds[0].quantity != "Y":
        return False
    judged = [f.judgement for kind in fault.kinds for f in groups[kind].failures]
    return row_of(judged[0]).reported == Reported.SHAPE and all(j.of_another_kind for j in judged)


def _dtypes(fault: Fault) -> set[str]:
    return {kind.dtype for kind in fault.kinds}


def _is_slight(fault: Fault, groups: Groups) -> bool:
    """Whether what is shown of most failures is nearly right: where sums cancel, it seldom is."""
    judged = [f.judgement for kind in fault.kinds for f in groups[kind].failures]
    return sum(map(is_near, judged)) > _MOSTLY * len(judged)


def condition_of(kind: Kind, groups: Groups, bench: Bench) -> Condition:
    """Which failures of this kind are a fault of their own, and follow from no other.

    Smaller cases are tried in the search for the smallest: there it may be another that shows.
    """
    others = {_wrong_quantity(other) for other in groups if not other.known}
    quantity = _wrong_quantity(kind)
    if quantity in GRADIENTS and "Y" in others:
        return lambda failure: (
            quantity not in _own_gradients([_asking_all(failure.case, bench)], bench)[0]
        )
    first = [
        other
        for other in groups
        if not other.known and (other.row == CHANGED or _is_first(groups[other].failures))
    ]
    if first and not _is_first(groups[kind].failures):
        return lambda failure: not _is_explained(failure, bench)
    return lambda _: True


def first_own(failures: Iterable[Failure], is_own: Condition) -> Failure:
    """The smallest failure that is a fault of its own, of the first few; else the smallest."""
    by_size = sorted(failures, key=size)
    return next(filter(is_own, by_size[:_MOST_HELD]), by_size[0])


def _wrong_quantity(kind: Kind) -> str:
    """The quantity of the first order whose numbers are wrong; empty for other kinds."""
    quantity = QUANTITIES.get(kind.quantity)
    if kind.known or kind.perhaps or kind.verdict != Verdict.WRONG or quantity is None:
        return ""
    return quantity.name if quantity.row == kind.row else ""


def _is_first(failures: Sequence[Failure]) -> bool:
    return row_of(failures[0].judgement).is_first


def _is_explained(failure: Failure, bench: Bench) -> bool:
    answers = bench.failures_on(bench.certificates_of(failure))
    found = (other for those in answers.values() for other in those)
    return any(
        is_behind(other.judgement, failure.judgement)
        for other in found
        for is_behind in (explains, disturbs)
    )


def _follows(kind: Kind, forward: Fault, groups: Groups, bench: Bench) -> bool:
    """Whether a wrong gradient is that of the target's own Y, in each of some cases.

    Without time it is taken for that where Y is wrong on nearly all of its cases: on one Y may be
    right by chance, as a flipped kernel's is of equal elements.
    """
    if bench.is_over:
        wrong = {f.case for each in forward.kinds for f in groups[each].failures}
        cases = {failure.case for failure in groups[kind].failures}
        right = len(cases - wrong)
        return right <= max(1, len(cases) * _BY_CHANCE) and right < len(cases) / 2
    asked = _spread({f.case: f for f in groups[kind].failures}.values(), bench)
    held = _own_gradients(asked, bench)
    return bool(held) and all(kind.quantity in own for own in held)


def _spread(failures: Iterable[Failure], bench: Bench) -> list[Case]:
    """Some of their cases, from small to large, with all gradients and on dense values."""
    by_size = sorted(failures, key=size)
    step = max(1, len(by_size) // _MOST_HELD)
    return [_asking_all(f.case, bench) for f in by_size[::step][:_MOST_HELD]]


def _own_gradients(cases: Iterable[Case], bench: Bench) -> list[frozenset[str]]:
    """Of each case that is reached."""
    return [*bench.ask(own_gradients, cases, bench.settings).values()] or [frozenset()]


def _asking_all(case: Case, bench: Bench) -> Case:
    """With all gradients, on dense values where they are exact."""
    return _dense(bench.recast(case, case.check), bench)


def _dense(case: Case, bench: Bench) -> Case:
    return dense(bench.target, replace(case, values=Values.BALANCED)) or case
