"""Which failure follows from which: one cause is reported once, what follows from it under it.

A wrong number, shape or raise of the certificate shows in laws, modes and memory as well. Whether
it does is not guessed from the run as a whole: the certificate of each failing case is run, with
all gradients, and then the simpler modes that its row is made of. What none of them explains is a
fault of its own, however many others there are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from conv_reference.verification.diagnosis.bench import Bench
from conv_reference.verification.diagnosis.grouping.empty_batches import filed_by_words
from conv_reference.verification.diagnosis.grouping.follows import (
    disturbs,
    explains,
    is_made_of,
    lacks_alike,
)
from conv_reference.verification.diagnosis.grouping.group import Group, Groups
from conv_reference.verification.diagnosis.grouping.intermittent import behind_changes, changeable
from conv_reference.verification.diagnosis.grouping.own_operands import behind_own_operands
from conv_reference.verification.diagnosis.grouping.unasked import likely, may_be_behind
from conv_reference.verification.diagnosis.kinds import (
    Kind,
    kind_of,
    place_of,
    rank,
    row_of,
    size,
    thrown_alike,
)
from conv_reference.verification.model.case import Case, Values
from conv_reference.verification.model.judgement import Failure, Judgement

_MORE_ROUNDS = 6  # of other numbers, in which a simpler mode is asked
MOST_ASKED = 24  # failing cases of one row and dtype; further ones are like those


_Origins = dict[Failure, Failure]  # what a failure follows from


@dataclass(frozen=True)
class _Attributed:
    """A failure of another row than the certificate's, and what is behind it."""

    failure: Failure
    simplest: Failure  # on its case, of those that it may be shown by
    origin: Failure | None  # what it follows from; None of a fault of its own
    hidden: bool = False  # whether its origin comes and goes: another fault would not be seen
    unasked: bool = False  # whether there was no time to try that it follows


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
    for each in _attributed(later, first, bench):
        if each.origin is None:
            own, shown = _kind(each.simplest, bench), each.simplest
            if own.known:  # what stands for it is torch's fault, and it is not
                own, shown = _kind(each.failure, bench), each.failure
            _file(groups[own], shown)
            groups[own].places[place_of(each.failure)] = None
            groups[own].loose |= each.unasked
            continue
        kind = _kind(each.origin, bench)
        _file_under(groups[kind], each.origin, each)
        if kind.known:
            known.append(each.failure)
    return filed_by_words(groups), known


def _file(group: Group, failure: Failure) -> None:
    """With its own; a raise shows in the rows of others, too."""
    group.places[place_of(failure)] = None
    group.failures.append(failure)


def _file_under(group: Group, origin: Failure, each: _Attributed) -> None:
    """With what it follows from, by its place alone."""
    row = {each.failure.judgement.check: None}
    group.failures.append(origin)
    group.places[place_of(each.failure)] = None
    if each.hidden:
        group.hidden |= row
    if each.unasked:
        group.unasked |= row


def _kind(failure: Failure, bench: Bench) -> Kind:
    defect = bench.known(failure)
    if defect is not None:
        return kind_of(failure, defect.name)
    return kind_of(failure, perhaps=bench.may_be(failure))


def _attributed(
    failures: Sequence[Failure], first: Sequence[Failure], bench: Bench
) -> Iterator[_Attributed]:
    """Each failure and what it follows from: what is tried first, and finds something, counts.

    Args:
        failures: of other rows than the certificate's.
        first: those of the certificate.
        bench: where cases are run again.
    """
    asked = _sample(failures)
    certified = _certified(asked, bench)
    origins = _first_behind(certified, explains, disturbs) | _at_settings(asked, bench)
    fickle = changeable(first, bench) if asked else []
    if left := _left(asked, origins):
        on_own_operands = behind_own_operands(left, first, explains, bench)
        origins |= on_own_operands | behind_changes(left, first, fickle, explains, bench)
    # What is attributed to them need not follow: a fault that is always there would show just so.
    come_and_go = {kind_of(f).in_any_dtype for f in fickle}
    hidden = {f for f, origin in origins.items() if kind_of(origin).in_any_dtype in come_and_go}
    simpler = _run_for(_left(asked, origins), partial(_simpler_modes, bench=bench), bench)
    origins |= _first_behind(simpler, lacks_alike, is_made_of)
    origins |= _on_other_numbers(_left(asked, origins), failures, bench)
    origins |= _as_in_other_dtypes(asked, origins) if bench.is_over else {}
    unasked = _untried(_left(asked, origins), certified) if bench.is_over else []
    among = [*first, *filter(may_be_behind, asked)]
    origins |= likely(_left(unasked, certified), among, bench)
    simplest = _simplest(_left(asked, origins), bench)
    usual = {_of_quantity(f): origins.get(f) for f in reversed(asked)}
    sampled, untried = {*asked}, {*map(_of_quantity, unasked)}
    for failure in failures:
        if failure not in sampled:
            place = _of_quantity(failure)
            yield _Attributed(failure, failure, usual[place], unasked=place in untried)
            continue
        yield _Attributed(
            failure,
            simplest.get(failure, failure),
            origins.get(failure),
            hidden=failure in hidden,
            unasked=_of_quantity(failure) in untried,
        )


def _untried(failures: Iterable[Failure], certified: Collection[Failure]) -> list[Failure]:
    """Those of which not all was run that may be behind them: certificates, then simpler modes."""
    return [f for f in failures if f not in certified or row_of(f.judgement).follows]


def _certified(failures: Sequence[Failure], bench: Bench) -> dict[Failure, list[Failure]]:
    """How the certificates of each fail: the plain ones where its own ones do not explain it."""
    own = _run_for(failures, bench.own_certificates_of, bench)
    left = _left(failures, _first_behind(own, explains))
    plain = _run_for(left, bench.plain_certificates_of, bench)
    return {f: [*own.get(f, ()), *plain.get(f, ())] for f in failures if f in own or f in plain}


def _left(failures: Iterable[Failure], settled: Collection[Failure]) -> list[Failure]:
    """Those of which nothing is settled yet."""
    return [failure for failure in failures if failure not in settled]


def _place(failure: Failure) -> tuple[object, ...]:
    judgement = failure.judgement
    return judgement.check, judgement.verdict, thrown_alike(failure), failure.case.dtype


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
        few = dict.fromkeys((*by_size[:MOST_ASKED], *first.values()))
        chosen += sorted(few, key=size)
    return chosen


def _run_for(
    failures: Iterable[Failure],
    questions: Callable[[Failure], list[Case]],
    bench: Bench,
    further: int = 0,
) -> dict[Failure, list[Failure]]:
    """How the cases of each failure fail; those of which no case has an answer are left out.

    Args:
        failures: that are to be attributed to others.
        questions: the cases of a failure.
        bench: where they are run.
        further: added to the seed of what is drawn.
    """
    cases = {failure: questions(failure) for failure in failures}
    every = (case for those in cases.values() for case in those)
    answers = bench.failures_on(every, further)
    return {
        failure: [other for case in those for other in answers.get(case, ())]
        for failure, those in cases.items()
        if not answers.keys().isdisjoint(those)
    }


def _first_behind(
    run: Mapping[Failure, Sequence[Failure]], *are_behind: Callable[[Judgement, Judgement], bool]
) -> _Origins:
    """What each failure follows from, among what was run for it.

    Args:
        run: see ``_run_for``.
        are_behind: whether one judgement is the cause of another; of several such reasons, the
            first that finds one counts.
    """
    found: _Origins = {}
    for failure, others in run.items():
        behind = (
            other
            for is_behind in are_behind
            for other in others
            if is_behind(other.judgement, failure.judgement)
        )
        origin = next(behind, None)
        if origin is not None:
            found[failure] = origin
    return found


def _simpler_modes(failure: Failure, bench: Bench) -> list[Case]:
    return [bench.recast(failure.case, check) for check in row_of(failure.judgement).follows]


def _on_other_numbers(
    failures: Sequence[Failure], met: Iterable[Failure], bench: Bench
) -> _Origins:
    """What failures follow from whose simpler modes come out right on their cases by chance.

    Of few numbers two may be equal, and a mistake of theirs does not show. What shows on others
    is laid to the run's own failure of that kind: the numbers are not those of the run's seed.

    Args:
        failures: that follow from nothing yet.
        met: those of the run.
        bench: where cases are run again.
    """
    own = {kind_of(f).in_any_dtype: f for f in sorted(met, key=size, reverse=True)}
    found: _Origins = {}

    def otherwise(failure: Failure) -> list[Case]:
        others = (Values.BALANCED, Values.COUNTING)
        simpler = _simpler_modes(failure, bench)
        return [*simpler, *(replace(case, values=each) for case in simpler for each in others)]

    for further in range(1, _MORE_ROUNDS + 1):
        run = _run_for(_left(failures, found), otherwise, bench, further)
        for failure, origin in _first_behind(run, is_made_of).items():
            behind = own.get(kind_of(origin).in_any_dtype)
            if behind is not None:
                found[failure] = behind
    return found


def _at_settings(failures: Sequence[Failure], bench: Bench) -> _Origins:
    """What failures follow from that were met under a setting: they are run under it again."""
    found: _Origins = {}
    for setting in sorted({failure.judgement.setting for failure in failures} - {""}):
        those = [failure for failure in failures if failure.judgement.setting == setting]
        with bench.at(setting) as there:
            if there is None:
                continue
            certified = _certified(those, there)
            origins = _first_behind(certified, explains, disturbs)
            modes = partial(_simpler_modes, bench=there)
            simpler = _run_for(_left(those, origins), modes, there)
            origins |= _first_behind(simpler, lacks_alike, is_made_of)
        for failure, origin in origins.items():
            found[failure] = Failure(origin.case, origin.judgement.met_under(setting))
    return found


def _as_in_other_dtypes(asked: Sequence[Failure], origins: _Origins) -> _Origins:
    """Of hanging cases that there was no time to run again: what the same row's follow from.

    Each takes its limit whenever it is run, so that a dtype may be as far as the clock allows.
    """
    hung = [f for f in asked if f.judgement.crash is not None and f.judgement.crash.hung]
    usual = {f.judgement.check: origins[f] for f in reversed(hung) if f in origins}
    return {f: usual[f.judgement.check] for f in _left(hung, origins) if f.judgement.check in usual}


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
            found[failure] = min(alike, key=_parts)
    return found


def _parts(failure: Failure) -> int:
    mapped = failure.judgement.mapped
    return 0 if mapped is None else len(mapped.mapped_over)
