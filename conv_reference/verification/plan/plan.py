"""Which cases a run puts to its target: chosen before it starts, in an order that is fixed.

A plan follows from the target, the dtypes, the seed and the number of cases alone; the clock only
cuts a run that overruns. In turn: a covering array over the factors, then for each check of modes
a sample, then sizes large enough to switch an algorithm, then small geometries, enumerated and
sampled by the thousand. What is planned beyond that is drawn as the run comes to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice

from conv_reference.verification.checks import Check, all_checks, certifying
from conv_reference.verification.model.case import Case
from conv_reference.verification.options import DEFAULT_CASES
from conv_reference.verification.plan.bulk import (
    large_cases,
    network_cases,
    own_cases,
    pair_cases,
    small_cases,
    threshold_cases,
)
from conv_reference.verification.plan.covering import Covering
from conv_reference.verification.plan.ever import NEVER, Ever
from conv_reference.verification.plan.grouped import (
    LESS_MODES,
    QUESTIONS,
    fewer,
    modes_early,
    questions,
)
from conv_reference.verification.plan.modes import by_turns, mode_cases
from conv_reference.verification.plan.possible import require_possible, require_possible_geometry
from conv_reference.verification.plan.quick import quick_cases
from conv_reference.verification.plan.request import Request, Sweep
from conv_reference.verification.plan.selection import selected_checks
from conv_reference.verification.plan.single import geometry_cases
from conv_reference.verification.target.target import Target

THREE_WAY_CASES = 150_000  # from which on triples are covered, not only pairs
_TOWARD = 400  # rows of a default run that hold what no earlier run of a store has
_MOST_AT_ONCE = 3 * DEFAULT_CASES  # what is planned beyond is drawn in rounds of as many


def _nothing() -> Iterator[Case]:
    return iter(())


@dataclass(frozen=True)
class Plan:
    """The cases of a run."""

    cases: tuple[Case, ...]  # the first round
    covering: Covering | None = None  # those of them that are to cover every pair of levels
    later: Callable[[], Iterator[Case]] = field(default=_nothing, compare=False)  # what follows
    expected: int = 0  # about how many follow
    left: str = ""  # what a target is not asked in a quick run, for it is too slow

    @property
    def planned(self) -> int:
        """About how many cases there are, those that are not drawn yet included."""
        return len(self.cases) + self.expected

    def completed(self, left_out: Callable[[Case], bool]) -> Plan:
        """Further cases in place of those that will be left out: every pair still occurs.

        They come first, and the order of the others stays.
        """
        if self.covering is None:
            return self
        covering, planned = self.covering.without(left_out), set(self.cases)
        further = (case for case in covering.cases if case not in planned)
        return replace(self.preceded_by(further), covering=covering)

    def preceded_by(self, cases: Iterable[Case]) -> Plan:
        """The same, with other cases first."""
        return replace(self, cases=tuple(dict.fromkeys((*cases, *self.cases))))

    def rounds(self) -> Iterator[tuple[Case, ...]]:
        """Its cases in rounds, none twice; all but the first are drawn when they are reached."""
        seen = set(self.cases)
        yield self.cases
        draw = self.later()
        while drawn := tuple(islice(draw, _MOST_AT_ONCE)):
            fresh = tuple(case for case in dict.fromkeys(drawn) if case not in seen)
            seen.update(fresh)
            yield fresh


def plan(target: Target, request: Request, ever: Ever = NEVER) -> Plan:
    """Choose the cases.

    Args:
        target: what they are put to; they are restricted to what it can be asked for.
        request: see ``Request``.
        ever: what was judged before: the plan goes on where that is thin.

    Raises:
        ValueError: when a check is unknown, or the target cannot be asked for the geometry.
    """
    checks = selected_checks(target, request.checks)
    if request.case is not None:
        return Plan((require_possible(target, request.case),))
    if request.geometry is not None:
        geometry = require_possible_geometry(target, request.geometry)
        return Plan(_distinct(geometry_cases(target, geometry, request.dtypes, checks)))
    own = own_cases(target, request.dtypes) if certifying() in checks else ()
    return _chosen(target, request, checks, ever).preceded_by(own)


def _chosen(target: Target, request: Request, checks: list[Check], ever: Ever) -> Plan:
    if request.quick:
        found = quick_cases(target, request, checks)
        return Plan(_distinct(found.cases), left=found.left)
    certified = certifying() in checks
    if request.limit is not None:
        return Plan(())  # it is swept in parts
    if request.sweep != Sweep.DEFAULT:
        return _followed_by_the_bulk((), target, request, checks, ever) if certified else Plan(())
    strength = 3 if request.size >= THREE_WAY_CASES else 2
    covering = Covering.of(target, request.dtypes, strength=strength, seed=request.seed)
    if ever.cases:
        covering = covering.toward(ever.rows, round(_TOWARD * request.scale), request.seed)
    compiled = target.compiles_each_shape
    asked = fewer(request, LESS_MODES) if compiled and certified else request
    modes = mode_cases(target, asked, checks, covering.cases)
    if not certified:  # nothing follows, so that each check that is named has its turn, too
        return Plan(_distinct(by_turns(modes)))
    first = modes_early(covering.cases, modes, checks) if compiled else (*covering.cases, *modes)
    # The bulk comes last: the clock may cut its end.
    chosen = _followed_by_the_bulk(first, target, request, checks, ever)
    return replace(chosen, covering=covering)


def _followed_by_the_bulk(
    first: Iterable[Case], target: Target, request: Request, checks: list[Check], ever: Ever
) -> Plan:
    """The cases, then certificates by the thousand: what is too much at once is drawn later."""
    bulk = _certificates(target, request, checks, ever)
    cases = _distinct((*first, *islice(bulk, _MOST_AT_ONCE)))
    expected = max(0, request.size - _MOST_AT_ONCE)
    if not expected or request.sweep == Sweep.NETWORKS:
        return Plan(cases)

    def later() -> Iterator[Case]:
        return islice(_certificates(target, request, checks, ever), _MOST_AT_ONCE, None)

    return Plan(cases, later=later, expected=expected)


def _distinct(cases: Iterable[Case]) -> tuple[Case, ...]:
    """Each once; no empty batch is put to a check that has no answer for it."""
    checks = all_checks()
    return tuple(case for case in dict.fromkeys(cases) if checks[case.check].answers(case.geometry))


def _certificates(
    target: Target, request: Request, checks: list[Check], ever: Ever
) -> Iterator[Case]:
    if not target.compiles_each_shape or request.sweep == Sweep.NETWORKS:
        return _drawn(target, request, ever)
    # A sweep is of certificates alone.
    joining = checks if request.sweep == Sweep.DEFAULT else ()
    return questions(target, _drawn(target, fewer(request, QUESTIONS), ever), joining)


def _drawn(target: Target, request: Request, ever: Ever) -> Iterator[Case]:
    seed, dtypes, scale = request.seed, request.dtypes, request.scale
    match request.sweep:
        case Sweep.DEFAULT:
            yield from large_cases(target, dtypes, seed, round(60 * scale), ever=ever)
            yield from pair_cases(target, dtypes, seed, round(66 * scale))
            yield from threshold_cases(target, dtypes, seed, round(600 * scale))
            count, first = round(5_280 * scale), round(1_000 * scale)
            yield from small_cases(target, dtypes, seed, count, enumerated=first, ever=ever)
        case Sweep.SMALL:
            yield from small_cases(target, dtypes, seed, round(16_000 * scale), ever=ever)
        case Sweep.RANDOM:
            yield from large_cases(target, dtypes, seed, round(400 * scale), ever=ever)
            count = round(8_000 * scale)
            yield from small_cases(target, dtypes, seed, count, enumerated=0, ever=ever)
        case Sweep.NETWORKS:
            yield from network_cases(target, dtypes)
        case Sweep.EXHAUSTIVE:
            count = round(16_000 * scale)
            yield from small_cases(target, dtypes, seed, count, enumerated=count, ever=ever)
