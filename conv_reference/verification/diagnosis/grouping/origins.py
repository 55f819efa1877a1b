"""Which failure follows from which: one cause is reported once, what follows from it under it.

A wrong number, shape or raise of the certificate shows in laws, modes and memory as well. Whether
it does is not guessed from the run as a whole: the certificate of each failing case is run, with
all gradients, and then the simpler modes that its row is made of. What none of them explains is a
fault of its own, however many others there are.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from conv_reference.quantities import FIRST_ORDER, GRADIENTS, ROLE_OF
from conv_reference.verification.checks import Reported
from conv_reference.verification.diagnosis.bench import Bench
from conv_reference.verification.diagnosis.grouping.intermittent import behind_changes, changeable
from conv_reference.verification.diagnosis.grouping.own_operands import behind_own_operands
from conv_reference.verification.diagnosis.kinds import Kind, kind_of, rank, row_of, size
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.judgement import Failure, Judgement
from conv_reference.verification.model.result import Verdict

CHANGED = "arguments"  # the row of arguments that a call changes
_IN_PLACE = re.compile(r"in-?\s?place|written-to tensor|read-only", re.IGNORECASE)
_GRAPH = re.compile(r"not have been used in the graph|does not require grad")  # as torch does
_ESCAPED = "escaped from inside a function being vmapped"  # as torch does
_FREED = "backward through the graph a second time"  # the same
_SHAPE = "returned an invalid gradient"  # as torch writes it
MOST_ASKED = 24  # failing cases of one row and dtype; further ones are like those


@dataclass
class Group:
    """The failures of one kind, and the rows in which what follows from them shows."""

    failures: list[Failure] = field(default_factory=list)
    also: dict[str, None] = field(default_factory=dict)
    # Those of them whose own faults could not be seen: what they follow from comes and goes.
    hidden: dict[str, None] = field(default_factory=dict)
    # Those that are attributed to it for want of time: whether they follow was not tried.
    unasked: dict[str, None] = field(default_factory=dict)


Groups = dict[Kind, Group]
_Origins = dict[int, Failure]  # what a failure, by its identity, follows from


def sorted_out(failures: Iterable[Failure], bench: Bench) -> tuple[Groups, list[Failure]]:
    """The failures by their kinds, each under its cause; and those that are known defects.

    Args:
        failures: all of a run.
        bench: with no time left, failures are grouped as they were met.
    """
    groups: Groups = defaultdict(Group)
    known: list[Failure] = []
    later: list[Failure] = []
    for failure in sorted(failures, key=rank):
        kind = _kind(failure, bench)
        if kind.known:
            known.append(failure)
        if kind.known or row_of(failure.judgement).is_first:
            _file(groups[kind], failure)
        else:
            later.append(failure)
    first = [failure for group in groups.values() for failure in group.failures]
    hidden, unasked = set[int](), set[int]()
    for failure, simplest, origin in _origins(later, first, bench, hidden, unasked):
        if origin is None:
            own, shown = _kind(simplest, bench), simplest
            if own.known:  # what stands for it is torch's fault, and it is not
                own, shown = _kind(failure, bench), failure
            _file(groups[own], shown)
            continue
        kind = _kind(origin, bench)
        group, row = groups[kind], failure.judgement.check
        group.failures.append(origin)
        for those, rows in ((hidden, group.hidden), (unasked, group.unasked)):
            rows.update({row: None} if id(failure) in those else {})
        group.also[row] = None
        if kind.known:
            known.append(failure)
    return dict(groups), known


def _file(group: Group, failure: Failure) -> None:
    """With its own; a raise shows in the rows of others, too."""
    if group.failures and failure.judgement.check != group.failures[0].judgement.check:
        group.also[failure.judgement.check] = None
    group.failures.append(failure)


def _kind(failure: Failure, bench: Bench) -> Kind:
    defect = bench.known(failure)
    return kind_of(failure, "" if defect is None else defect.name)


def _origins(
    failures: Sequence[Failure],
    first: Sequence[Failure],
    bench: Bench,
    hidden: set[int],
    unasked: set[int],
) -> Iterator[tuple[Failure, Failure, Failure | None]]:
    """Each failure, the simplest on its case that stands for it, and what it follows from.

    Args:
        failures: of other rows than the certificate's.
        first: those of the certificate.
        bench: where cases are run again.
        hidden: filled with those, by their identity, that are attributed to what comes and goes.
        unasked: the same with those for which there was no time: they may follow from what they
            are attributed to.
    """
    asked, reached = _sample(failures), set[int]()
    origins = _found(asked, bench, bench.certificates_of, explains, disturbs, reached=reached)
    origins |= _at_settings(asked, bench)
    fickle = changeable(first, bench) if asked else []
    left = [f for f in asked if id(f) not in origins]
    if left:
        origins |= behind_own_operands(left, first, explains, bench) | behind_changes(
            left, first, fickle, explains, bench
        )
    # What is attributed to them need not follow: a fault that is always there would show just so.
    come_and_go = {kind_of(f).in_any_dtype for f in fickle}
    hidden |= {key for key, f in origins.items() if kind_of(f).in_any_dtype in come_and_go}
    simpler = [f for f in asked if id(f) not in origins]
    origins |= _found(simpler, bench, lambda f: _simpler_modes(f, bench), lacks_alike, is_made_of)
    if bench.is_over:
        origins |= _as_in_other_dtypes(asked, origins)
        left = [f for f in asked if id(f) not in {*origins, *reached}]
        likely = _likely(left, first, bench)
        unasked.update(likely)
        origins |= likely
    own = [f for f in asked if id(f) not in origins]
    simplest = _simplest(own, bench)
    usual = {key(f): origins.get(id(f)) for f in reversed(asked) for key in (_place, _of_quantity)}
    seen = {id(f) for f in asked}
    for failure in failures:
        if id(failure) in seen:
            yield failure, simplest.get(id(failure), failure), origins.get(id(failure))
        else:
            yield failure, failure, usual[_of_quantity(failure)]


def _at_settings(failures: Sequence[Failure], bench: Bench) -> _Origins:
    """What failures follow from that were met under a setting: they are run under it again."""
    found: _Origins = {}
    for setting in sorted({failure.judgement.setting for failure in failures} - {""}):
        those = [failure for failure in failures if failure.judgement.setting == setting]
        with bench.at(setting) as there:
            if there is None:
                continue
            origins = _found(those, there, there.certificates_of, explains, disturbs)
            left = [failure for failure in those if id(failure) not in origins]
            simpler = partial(_simpler_modes, bench=there)
            origins |= _found(left, there, simpler, lacks_alike, is_made_of)
        for key, origin in origins.items():
            found[key] = Failure(origin.case, origin.judgement.met_under(setting))
    return found


def _as_in_other_dtypes(asked: Sequence[Failure], origins: _Origins) -> _Origins:
    """Of hanging cases that there was no time to run again: what the same row's follow from.

    Each takes its limit whenever it is run, so that a dtype may be as far as the clock allows.
    """
    hung = [f for f in asked if f.judgement.crash is not None and f.judgement.crash.hung]
    usual = {f.judgement.check: origins[id(f)] for f in reversed(hung) if id(f) in origins}
    return {
        id(f): usual[f.judgement.check]
        for f in hung
        if id(f) not in origins and f.judgement.check in usual
    }


def _likely(failures: Iterable[Failure], first: Iterable[Failure], bench: Bench) -> _Origins:
    """The certificate's failure of which each would be a consequence, had its case been run.

    That of its own dtype where there is one; a known defect is none.
    """
    smallest: dict[Kind, Failure] = {}
    for failure in sorted(first, key=size):
        smallest.setdefault(kind_of(failure), failure)
    among = [failure for failure in smallest.values() if bench.known(failure) is None]
    found: _Origins = {}
    for failure in failures:
        behind = [other for other in among if explains(other.judgement, failure.judgement)]
        behind.sort(key=lambda other: other.judgement.verdict != failure.judgement.verdict)
        own = [other for other in behind if other.case.dtype == failure.case.dtype]
        for origin in (own or behind)[:1]:
            found[id(failure)] = origin
    return found


def _place(failure: Failure) -> tuple[object, ...]:
    judgement = failure.judgement
    thrown = None if judgement.thrown is None else judgement.thrown.alike
    return judgement.check, judgement.verdict, thrown, failure.case.dtype


def _of_quantity(failure: Failure) -> tuple[object, ...]:
    """The same of one quantity: in another the row may fail for another reason."""
    judgement = failure.judgement
    return (*_place(failure), judgement.quantity_alike, judgement.of_numbers)


def _sample(failures: Sequence[Failure]) -> list[Failure]:
    """The smallest of each row, verdict and dtype, and at least one of each quantity there."""
    placed: dict[object, list[Failure]] = defaultdict(list)
    for failure in failures:
        placed[_place(failure)].append(failure)
    chosen = []
    for those in placed.values():
        by_size = sorted(those, key=size)
        first = {_of_quantity(f): f for f in reversed(by_size)}
        few = {id(f): f for f in (*by_size[:MOST_ASKED], *first.values())}
        chosen += sorted(few.values(), key=size)
    return chosen


def _found(
    failures: Sequence[Failure],
    bench: Bench,
    questions: Callable[[Failure], list[Case]],
    *are_behind: Callable[[Judgement, Judgement], bool],
    reached: set[int] | None = None,
) -> _Origins:
    """What each failure follows from, among how the cases fail that are run for it.

    Of several reasons to lay it to another failure, the first that finds one counts.

    Args:
        failures: that are to be attributed to others.
        bench: where cases are run again.
        questions: the cases of a failure.
        are_behind: whether one judgement is the cause of another.
        reached: filled with the failures, by their identity, of which any case has an answer.
    """
    cases = {id(failure): questions(failure) for failure in failures}
    answers = bench.failures_on(case for those in cases.values() for case in those)
    found: _Origins = {}
    for failure in failures:
        if reached is not None and not answers.keys().isdisjoint(cases[id(failure)]):
            reached.add(id(failure))
        behind = (
            other
            for is_behind in are_behind
            for case in cases[id(failure)]
            for other in answers.get(case, ())
            if is_behind(other.judgement, failure.judgement)
        )
        origin = next(behind, None)
        if origin is not None:
            found[id(failure)] = origin
    return found


def explains(origin: Judgement, judgement: Judgement) -> bool:
    """Whether a failure of the certificate is the cause of another on the same case."""
    first, row = row_of(origin), row_of(judgement)
    is_behind = first.is_first or (first.reported == Reported.GRAPH != row.reported)
    if judgement.verdict == Verdict.PERMISSIVE or not is_behind:  # what has no answer has no number
        return False
    if Verdict.CRASHED in {judgement.verdict, origin.verdict}:
        return origin.verdict == judgement.verdict
    if judgement.verdict == Verdict.RAISED:
        return _explains_raise(origin, judgement)
    if row.reported == Reported.APART:  # no argument is changed because a number was wrong
        return False
    if first.reported == Reported.GRAPH or _is_shape_of_y(origin):
        return True
    # A wrong number takes no gradient away.
    return not judgement.lacks_gradient and origin.quantity in _rests_on(judgement)


def _is_shape_of_y(judgement: Judgement) -> bool:
    return row_of(judgement).reported == Reported.SHAPE and judgement.quantity == "Y"


def _explains_raise(origin: Judgement, judgement: Judgement) -> bool:
    thrown = judgement.thrown
    if origin.verdict == Verdict.RAISED:
        return (
            thrown is not None
            and origin.thrown is not None
            and origin.thrown.alike == (thrown.alike)
        )
    # A backward pass that is given the gradient of a Y with another shape may throw wherever it is.
    if _is_shape_of_y(origin) and judgement.quantity_name in GRADIENTS:
        return True
    # Nobody throws because a number was wrong; torch does because of a shape or a missing graph.
    at_home = thrown is not None and thrown.place
    return row_of(origin).reported in {Reported.SHAPE, Reported.GRAPH} and not at_home


def disturbs(origin: Judgement, judgement: Judgement) -> bool:
    """Whether an argument that the call changes is the cause of another failure on its case.

    The same change shows in other rows; a check that calls twice reads other numbers the second
    time; and torch, or the memory's layout, may not let it be written to.
    """
    if origin.check != CHANGED or judgement.check == CHANGED:
        return False
    if judgement.verdict == Verdict.RAISED:
        return writes_in_place(judgement)
    if judgement.quantity in ROLE_OF:
        return origin.quantity == judgement.quantity
    return judgement.verdict == Verdict.WRONG and judgement.of_numbers


def writes_in_place(judgement: Judgement) -> bool:
    """Whether it raised for it was not let write to a tensor, or to an array."""
    return judgement.thrown is not None and bool(_IN_PLACE.search(judgement.thrown.message))


def misses_a_graph(judgement: Judgement) -> bool:
    """Whether torch raised because it had to differentiate what rests on nothing."""
    thrown = judgement.thrown
    return thrown is not None and not thrown.place and bool(_GRAPH.search(thrown.message))


def misses_a_shape(judgement: Judgement) -> bool:
    """Whether torch raised for a gradient cannot be summed to the size of its argument."""
    thrown = judgement.thrown
    return thrown is not None and not thrown.place and _SHAPE in thrown.message


def meets_a_level_gone(judgement: Judgement) -> bool:
    """Whether torch raised for a tensor that was kept from a transform which is over."""
    thrown = judgement.thrown
    return thrown is not None and _ESCAPED in thrown.message


def meets_a_graph_gone(judgement: Judgement) -> bool:
    """Whether torch raised for the graph behind an answer was freed with an earlier one."""
    thrown = judgement.thrown
    return thrown is not None and not thrown.place and _FREED in thrown.message


def _rests_on(judgement: Judgement) -> frozenset[str]:
    """The quantities of the first order in which a fault would show in it, too."""
    rests_on = row_of(judgement).rests_on
    if judgement.quantity_name in FIRST_ORDER:
        return frozenset({judgement.quantity_name, *rests_on})
    return frozenset(rests_on or FIRST_ORDER)


def _simpler_modes(failure: Failure, bench: Bench) -> list[Case]:
    return [bench.recast(failure.case, check) for check in row_of(failure.judgement).follows]


def is_made_of(origin: Judgement, judgement: Judgement) -> bool:
    """Whether a failure of a simpler mode is the cause of another on the same case.

    Where that has no gradient, torch raises for whoever goes on from it.
    """
    if judgement.verdict == Verdict.RAISED:
        return origin.lacks_gradient and misses_a_graph(judgement)
    return origin.verdict == judgement.verdict == Verdict.WRONG


def lacks_alike(origin: Judgement, judgement: Judgement) -> bool:
    """Whether both lack a gradient, which a wrong number of a simpler mode does not take away."""
    return origin.lacks_gradient and judgement.lacks_gradient


def _simplest(failures: Sequence[Failure], bench: Bench) -> _Origins:
    """Of several failures of one row on one case that which is about the least.

    A brief question met one of them; what is wrong over X alone is wrong over X and K, too. A
    wrong number does not stand for a gradient that is lost: it may follow from another failure.
    """
    answers = bench.failures_on(failure.case for failure in failures)
    found: _Origins = {}
    for failure in failures:
        alike = [
            other
            for other in answers.get(failure.case, ())
            if _place(other) == _place(failure)
            and other.judgement.thrown is None
            and other.judgement.lacks_gradient == failure.judgement.lacks_gradient
        ]
        if alike and failure.judgement.thrown is None:
            found[id(failure)] = min(alike, key=_parts)
    return found


def _parts(failure: Failure) -> int:
    mapped = failure.judgement.mapped
    return 0 if mapped is None else len(mapped.mapped_over)
