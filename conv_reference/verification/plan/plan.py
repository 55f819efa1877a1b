"""Which cases a run puts to its target: chosen before it starts, in an order that is fixed.

A plan follows from the target, the dtypes, the seed and the budget alone; the clock only cuts
a run that overruns. In turn: a covering array over the factors, then for each check of modes
a sample of that array, then small geometries, enumerated and sampled by the ten thousand, then
sizes large enough to switch an algorithm.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from enum import StrEnum
from itertools import chain
from random import Random

import torch

from conv_reference.geometry import Geometry
from conv_reference.operands import can_be_exact
from conv_reference.verification.checks import Check, Sample, all_checks
from conv_reference.verification.model.case import (
    EXACT_VALUES,
    SUBSETS,
    Case,
    Layout,
    Values,
    dtype_name,
)
from conv_reference.verification.plan.bulk import (
    CERTIFICATE,
    large_cases,
    network_cases,
    shares,
    small_cases,
)
from conv_reference.verification.plan.covering import Covering
from conv_reference.verification.plan.geometries import small_geometry
from conv_reference.verification.target.target import Target

_MOST_DRAWS = 500  # of sizes that fit a check, for all of its cases in one dtype
THREE_WAY_BUDGET = 300.0  # seconds, from which on triples are covered, not only pairs


class Sweep(StrEnum):
    """Which geometries the certificate is put to."""

    DEFAULT = "default"  # everything below but the networks, and the checks of modes
    SMALL = "small"  # small geometries, enumerated and sampled
    RANDOM = "random"  # large and small ones
    NETWORKS = "networks"  # the layers of known networks
    EXHAUSTIVE = "exhaustive"  # every small geometry up to the budget, smallest first


@dataclass(frozen=True)
class Plan:
    """The cases of a run."""

    cases: tuple[Case, ...]
    covering: Covering | None  # those of them that are to cover every pair of levels

    def completed(self, left_out: Callable[[Case], bool]) -> Plan:
        """Further cases in place of those that will be left out: every pair still occurs."""
        if self.covering is None:
            return self
        covering = self.covering.without(left_out)
        return Plan(tuple(dict.fromkeys((*covering.cases, *self.cases))), covering)


@dataclass(frozen=True)
class Request:
    """What a run is to try."""

    dtypes: tuple[torch.dtype, ...]
    seed: int
    budget: float  # seconds
    sweep: Sweep = Sweep.DEFAULT
    checks: tuple[str, ...] = ()  # names of checks or rows; all but those on request where empty
    geometry: Geometry | None = None  # only this one
    case: Case | None = None  # only this one

    @property
    def is_single(self) -> bool:
        """Whether one case or one geometry is asked for."""
        return self.case is not None or self.geometry is not None


def plan(target: Target, request: Request) -> Plan:
    """Choose the cases.

    Args:
        target: what they are put to; they are restricted to what it can be asked for.
        request: see ``Request``.

    Raises:
        ValueError: when a check is unknown, or the target cannot be asked for the geometry.
    """
    chosen = {check.name: check for check in selected_checks(target, request.checks)}
    if request.case is not None:
        return Plan((_possible(target, request.case),), None)
    if request.geometry is not None:
        return Plan(tuple(_on_geometry(target, request, chosen)), None)
    scale = request.budget / 20
    strength = 3 if request.budget >= THREE_WAY_BUDGET else 2
    covering = Covering.of(target, request.dtypes, strength=strength, seed=request.seed)
    cases: list[Case] = []
    if request.sweep == Sweep.DEFAULT:
        cases += covering.cases if CERTIFICATE in chosen else ()
        cases += _modes(target, request, chosen.values(), covering.cases, scale)
    if CERTIFICATE in chosen:  # last: it is the bulk, of which the clock may cut the end
        cases += _certificates(target, request, scale)
    put = request.sweep == Sweep.DEFAULT and CERTIFICATE in chosen
    return Plan(tuple(dict.fromkeys(cases)), covering if put else None)


def require_known(names: Sequence[str]) -> None:
    """Refuse a name that is neither a check's nor a row's.

    Raises:
        ValueError: when there is one; says which, and what is near it.
    """
    accepted = {name for check in all_checks().values() for name in _names(check)}
    for name in names:
        if name not in accepted:
            raise ValueError(_no_check(name, accepted))


def _no_check(name: str, accepted: Iterable[str]) -> str:
    """That there is none of the name: the check whose row it is, or what is spelt nearly so."""
    owners = [check.name for check in all_checks().values() if name in _names(check)]
    near = owners or get_close_matches(name, sorted(accepted))
    nearest = f"; nearest: {', '.join(near)}" if near else ""
    return f"no check {name!r}; accepted are those that `conv-reference checks` lists{nearest}"


def selected_checks(target: Target, names: Sequence[str]) -> list[Check]:
    """The checks that are asked for, by their name or a row's, and that the target can be put to.

    Args:
        target: what they are put to.
        names: empty for all but those on request.
    """
    return [
        check
        for check in all_checks().values()
        if (_names(check) & set(names) if names else check.sample != Sample.REQUEST)
        and check.unsupported(target) is None
    ]


def _names(check: Check) -> set[str]:
    return {check.name, *(row.name for row in check.rows)}


def _certificates(target: Target, request: Request, scale: float) -> Iterator[Case]:
    seed, dtypes = request.seed, request.dtypes
    match request.sweep:
        case Sweep.DEFAULT:
            yield from large_cases(target, dtypes, seed, round(60 * scale))
            yield from small_cases(target, dtypes, seed, round(7_850 * scale))
        case Sweep.SMALL:
            yield from small_cases(target, dtypes, seed, round(16_000 * scale))
        case Sweep.RANDOM:
            yield from large_cases(target, dtypes, seed, round(400 * scale))
            yield from small_cases(target, dtypes, seed, round(8_000 * scale), enumerated=0)
        case Sweep.NETWORKS:
            yield from network_cases(target, dtypes)
        case Sweep.EXHAUSTIVE:
            count = round(16_000 * scale)
            yield from small_cases(target, dtypes, seed, count, enumerated=count)


def _modes(
    target: Target,
    request: Request,
    chosen: Iterable[Check],
    covering: Sequence[Case],
    scale: float,
) -> Iterator[Case]:
    random = Random(f"modes {request.seed}")
    counts = {Sample.MODES: 12, Sample.FEW: 3, Sample.SMALL: 10, Sample.OWN: 1}
    for check in chosen:
        count = counts.get(check.sample, 3) * check.times
        if check.name == CERTIFICATE:
            continue
        for dtype in filter(check.applies, request.dtypes):
            share = scale * shares(request.dtypes)[dtype]
            number = count if check.sample == Sample.OWN else max(1, round(count * share))
            yield from _sampled(target, check, dtype, covering, random, number)


def _sampled(
    target: Target,
    check: Check,
    dtype: torch.dtype,
    covering: Sequence[Case],
    random: Random,
    count: int,
) -> Iterator[Case]:
    """Cases for a check of modes, each with room for exact integers in the dtype."""

    def adapted(case: Case) -> Case:
        values = Values.REAL if check.real else case.values
        case = replace(case, check=check.name, dtype=dtype, values=values, requires_grad="XKb")
        return target.restrict(case)

    if check.sample == Sample.OWN:
        yield from _own_cases(target, check, dtype)
        return
    if check.sample == Sample.MODES:
        usable = [case for case in covering if can_be_exact(case.geometry, dtype)]
        yield from map(adapted, random.sample(usable, min(count, len(usable))))
        return
    found = tries = 0
    while found < count:
        tries += 1
        bias = random.random() < 0.7
        case = adapted(Case(check=check.name, geometry=small_geometry(random), bias=bias))
        # A layer of its own sizes may have none that fit: then the check says so.
        fits = check.fits(case.geometry) or tries > _MOST_DRAWS
        if fits and can_be_exact(case.geometry, dtype):
            found += 1
            yield case


def _own_cases(target: Target, check: Check, dtype: torch.dtype) -> Iterator[Case]:
    """One for each geometry that the check brings; sparse where dense sums would not be exact."""
    some = Geometry(input_size=(4, 5), kernel_size=(2, 3))  # where it makes them up as it goes
    own = chain.from_iterable(row.asked_of(target) for row in check.rows)
    for geometry in own if check.has_own else [some]:
        case = target.restrict(Case(check=check.name, geometry=geometry, dtype=dtype))
        exact = can_be_exact(case.geometry, dtype)
        yield case if exact else replace(case, values=Values.SPARSE)


def _possible(target: Target, case: Case) -> Case:
    """The case, where the target can be asked for it."""
    known = all_checks()
    if case.check not in known:
        raise ValueError(_no_check(case.check, known))
    check = known[case.check]
    if not check.applies(case.dtype):
        given = dtype_name(case.dtype)
        raise ValueError(f"{case.check!r} applies to {check.limits}, got {given}")
    reason = check.unsupported(target)
    if reason is not None:
        raise ValueError(f"{target.name} cannot be put to {case.check!r}: {reason}")
    if check.has_own and check.row_of(target, case.geometry) is None:
        raise ValueError(f"{case.check!r} has sizes of its own, got {case.geometry}")
    nearest = target.restrict(case)
    if nearest != case:
        raise ValueError(
            f"{target.name} cannot be asked for {case}; the nearest that it can is {nearest}"
        )
    return case


def _on_geometry(target: Target, request: Request, chosen: Mapping[str, Check]) -> Iterator[Case]:
    """Everything on one geometry: each check in each dtype, the certificate in every variation."""
    geometry = request.geometry
    assert geometry is not None
    nearest = target.restrict_geometry(geometry)
    if nearest != geometry:
        raise ValueError(
            f"{target.name} cannot be asked for {geometry}; the nearest that it can is {nearest}"
        )
    for dtype in request.dtypes:
        exact = can_be_exact(geometry, dtype)
        for check in chosen.values():
            if check.has_own and check.row_of(target, geometry) is None:
                continue
            if not check.applies(dtype):
                continue
            plain = Case(check=check.name, geometry=geometry, dtype=dtype)
            if check.name != CERTIFICATE:
                values = Values.REAL if check.real else Values.BALANCED
                if exact or check.real or check.sample == Sample.OWN:
                    yield target.restrict(replace(plain, values=values))
                continue
            for case in _variations(plain) if exact else [replace(plain, values=Values.SPARSE)]:
                yield target.restrict(case)


def _variations(case: Case) -> Iterator[Case]:
    """One thing changed at a time: the values, a layout, the gradients asked for, the bias."""
    for values in EXACT_VALUES:
        yield replace(case, values=values)
    for layout in Layout:
        yield replace(case, input_layout=layout)
        yield replace(case, weight_layout=layout)
        yield replace(case, grad_output_layout=layout)
    for subset in SUBSETS:
        yield replace(case, requires_grad=subset)
    yield replace(case, bias=False, requires_grad="XK")
