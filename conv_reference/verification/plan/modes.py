"""Cases for the checks of modes, laws and memory: a sample for each check and dtype."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from random import Random

import torch

from conv_reference.geometry import Geometry
from conv_reference.verification.checks import Check, Sample, certifying
from conv_reference.verification.model.case import ALL_LEAVES, DTYPES, Case, Values, dtype_name
from conv_reference.verification.plan.bulk import shares
from conv_reference.verification.plan.far import elements, far_geometry
from conv_reference.verification.plan.geometries import alike_geometry, small_geometry
from conv_reference.verification.plan.networks import miniature
from conv_reference.verification.plan.possible import as_possible
from conv_reference.verification.plan.request import Request
from conv_reference.verification.target.target import Target

_MOST_DRAWS = 500  # of sizes that fit a check, for all of its cases in one dtype
_MOST_TRIES = 2 * _MOST_DRAWS  # of which some have no room for exact integers, perhaps all
# Of how many cases one has larger sizes than the covering array's, and one a layer's; of those
# about values, one of each kind in turn asks for no gradients.
_EVERY = 3
_LARGER_DRAWS, _MOST_ELEMENTS, _PRODUCTS = 20, 3_000, 70  # products for each element
_TURN = 5  # larger cases of one mode in float64 or float32: each size has its turn in a run
_COUNTS = {Sample.MODES: 12, Sample.FEW: 3, Sample.SMALL: 10, Sample.OWN: 1}


def mode_cases(
    target: Target, request: Request, checks: Iterable[Check], covering: Sequence[Case]
) -> Iterator[Case]:
    """Cases for each check but the certificate, in each dtype to which it applies.

    Each check and dtype has a random stream of its own, so that a check that is added, or left
    out, changes no other check's cases. The dtypes of a check take turns.

    Args:
        target: what they are put to.
        request: its dtypes, seed and size.
        checks: that are requested.
        covering: the cases of the covering array, of which some are taken.
    """
    for check in checks:
        if check != certifying():
            yield from by_turns(_in_each_dtype(target, request, check, covering))
            yield from _of_no_sample(target, check, request, covering)


def by_turns(cases: Iterable[Case]) -> list[Case]:
    """The first of each check in each dtype, the second of each, and so on.

    A run that the clock cuts has had a case of each, then.

    Args:
        cases: those of one check in one dtype in their order.
    """
    met: Counter[object] = Counter()
    rounds: defaultdict[int, list[Case]] = defaultdict(list)
    for case in cases:
        key = case.check, case.dtype
        rounds[met[key]].append(case)
        met[key] += 1
    return [case for each in sorted(rounds) for case in rounds[each]]


def _in_each_dtype(
    target: Target, request: Request, check: Check, covering: Sequence[Case]
) -> Iterator[Case]:
    """The cases of one check, dtype by dtype."""
    begun = Random(f"{request.seed} {check.name}").randrange(1_000)
    for dtype in filter(check.applies, request.dtypes):
        share = request.scale * shares(request.dtypes)[dtype]
        number = max(1, round(_COUNTS.get(check.sample, 3) * check.times * share))
        random = Random(f"{request.seed} {check.name} {dtype_name(dtype)}")
        # Each size is far out in turn, so that no mode goes without a batch, or many channels.
        turn = begun + _TURN * [*DTYPES].index(dtype_name(dtype))
        drawn = sampled(target, check, dtype, covering, random, number, turn)
        for place, case in enumerate(drawn, begun):
            without = check.of_values and place % _EVERY == place // _EVERY % _EVERY
            yield replace(case, requires_grad="") if without else case


def sampled(
    target: Target,
    check: Check,
    dtype: torch.dtype,
    covering: Sequence[Case],
    random: Random,
    count: int,
    turn: int = 0,
) -> Iterator[Case]:
    """Cases for one check in one dtype, each with room for exact integers.

    Args:
        target: what they are put to.
        check: that is requested.
        dtype: to which it applies.
        covering: certificates, of which some are taken.
        random: a stream of its own.
        count: of cases.
        turn: which size is far out in the first of the larger ones: see ``far_geometry``.
    """
    match check.sample:
        case Sample.OWN:
            yield from _own_cases(target, check, dtype)
        case Sample.MODES:
            usable = [case for case in covering if target.can_be_exact(case.geometry, dtype)]
            for place, case in enumerate(random.sample(usable, min(count, len(usable)))):
                drawn = None
                if place % _EVERY == 1:
                    drawn = _larger(target, check, dtype, case, random, turn + place // _EVERY)
                elif place % _EVERY == 2:
                    drawn = _layer(target, check, dtype, case, random)
                yield drawn or _adapted(target, check, dtype, case)
        case _:
            yield from _drawn_cases(target, check, dtype, random, count, turn)


def _larger(
    target: Target, check: Check, dtype: torch.dtype, case: Case, random: Random, turn: int
) -> Case | None:
    """The same on sizes past the covering array's: a batch, a plane or channels far out."""
    for _ in range(_LARGER_DRAWS):
        drawn = case.on(far_geometry(random, _MOST_ELEMENTS, _PRODUCTS, turn))
        larger = _adapted(target, check, dtype, drawn)
        few = elements(larger.geometry) <= _MOST_ELEMENTS  # moved into the domain, it may be others
        if few and target.can_be_exact(larger.geometry, dtype):
            return larger
    return None


def _layer(
    target: Target, check: Check, dtype: torch.dtype, case: Case, random: Random
) -> Case | None:
    """The same on a layer as networks have it: fast paths are written for these, in each mode."""
    for _ in range(_LARGER_DRAWS):
        layer = _adapted(target, check, dtype, case.on(miniature(random)))
        if elements(layer.geometry) <= _MOST_ELEMENTS and target.can_be_exact(
            layer.geometry, dtype
        ):
            return layer
    return None


def _drawn_cases(
    target: Target, check: Check, dtype: torch.dtype, random: Random, count: int, turn: int
) -> Iterator[Case]:
    """Small geometries that fit the check; fewer where a domain has hardly any that are exact.

    One in three is a layer's, small. Of some dozen another third is larger, if it fits; of a few
    it is of sizes that are alike, by which operands and options are taken for one another.
    """
    found = tries = 0
    while found < count and tries < _MOST_TRIES:
        tries += 1
        bias = random.random() < 0.7
        draw = small_geometry
        if found % _EVERY == 2:
            draw = miniature
        elif found % _EVERY == 1 and check.sample == Sample.FEW and tries % 2:
            draw = alike_geometry
        drawn = Case(check=check.name, geometry=draw(random), bias=bias)
        if check.sample == Sample.SMALL and found % _EVERY == 1:
            larger = _larger(target, check, dtype, drawn, random, turn + found // _EVERY)
            if larger is not None and check.fits(larger.geometry):
                found += 1
                yield larger
                continue
        case = _adapted(target, check, dtype, drawn)
        # A layer of its own sizes may have none that fit: then the check reports that.
        fits = check.fits(case.geometry) or tries > _MOST_DRAWS
        if fits and target.can_be_exact(case.geometry, dtype):
            found += 1
            yield case


def _of_no_sample(
    target: Target, check: Check, request: Request, covering: Sequence[Case]
) -> Iterator[Case]:
    """The check once on an empty batch, in one of the dtypes; where it can be put to one."""
    dtypes = [dtype for dtype in request.dtypes if check.applies(dtype)]
    if check.sample in {Sample.OWN, Sample.REQUEST} or not dtypes or not covering:
        return
    random = Random(f"{request.seed} {check.name} of no sample")
    drawn = random.choice(covering)
    empty = drawn.on(replace(drawn.geometry, batch=0))
    case = _adapted(target, check, random.choice(dtypes), empty)
    if case.geometry.batch == 0 and check.fits(case.geometry):
        yield case


def _adapted(target: Target, check: Check, dtype: torch.dtype, case: Case) -> Case:
    changed = replace(
        case,
        check=check.name,
        dtype=dtype,
        values=_values(check, case),
        requires_grad=ALL_LEAVES,
    )
    return as_possible(target, changed)


def _values(check: Check, case: Case) -> Values:
    return Values.REAL if check.real else case.values


def _own_cases(target: Target, check: Check, dtype: torch.dtype) -> Iterator[Case]:
    """One for each geometry that the check declares."""
    some = Geometry(input_size=(4, 5), kernel_size=(2, 3))  # where it chooses them as it runs
    own = chain.from_iterable(row.asked_of(target) for row in check.rows)
    for geometry in own if check.has_own else [some]:
        case = Case(check=check.name, geometry=geometry, dtype=dtype)
        yield as_possible(target, replace(case, values=_values(check, case)))
