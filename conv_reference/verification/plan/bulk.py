"""The bulk of a run: certificates of small geometries by the thousand, and of large ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, cycle, islice, repeat
from random import Random

import torch

from conv_reference.geometry import Geometry
from conv_reference.operands import can_be_exact
from conv_reference.verification.checks import certifying
from conv_reference.verification.model.case import (
    ALL_LEAVES,
    EXACT_VALUES,
    LAYOUT_FIELDS,
    SUBSETS,
    Case,
    Layout,
)
from conv_reference.verification.plan.ever import DRAWS, NEVER, Ever
from conv_reference.verification.plan.factors import shared_out
from conv_reference.verification.plan.far import far_geometry, far_pairs, real_geometry
from conv_reference.verification.plan.geometries import (
    enumerated_geometries,
    large_geometry,
    small_geometry,
)
from conv_reference.verification.plan.networks import STEM, miniature, network_geometries
from conv_reference.verification.plan.possible import as_possible, is_outside
from conv_reference.verification.plan.thresholds import at_thresholds
from conv_reference.verification.target.target import Target

_FAR = 0.16  # of the small geometries that are drawn
_UNEVEN = 0.3  # of a target's that takes it: padding that differs between opposite sides
_MINIATURES = 0.33  # of those, too
_MOST_DRAWS = 10  # of a geometry that has room for exact integers
_LAID_OUT = 0.25  # of the operands of a small case
_ALIKE = 0.1  # of the cases: code that takes one operand's layout for all is right there alone
_SOME_LEAVES = 0.15  # of the cases: not every gradient is asked for
_NO_LEAF = 0.06  # of the cases: none is, for which many have a path of its own
_BIASED = 0.75  # of the cases
_OF_INFERENCE = 0.1  # of the miniatures: none is, as where a network is used and not trained
_PART_OF_A_BATCH = 0.25  # of the miniatures in channels_last order: X begins behind another image
_ROUND = 60  # large ones, of which
_NETWORKS = 8  # are layers of networks, and
_IN_EVERY_DTYPE = 2  # are put to every dtype
_MOST_OWN = 300_000_000  # products of a case at a target's own sizes: a second of the oracle


def shares(dtypes: Sequence[torch.dtype]) -> dict[torch.dtype, float]:
    """How many cases each dtype has, in proportion; 1 on average.

    Those of more than 16 bits have twice as many as the others. They hold more integers, of which
    one trial says as much as five, and the faults of a geometry or a mode show in all of them.

    >>> [round(share, 2) for share in shares([torch.float64, torch.bfloat16]).values()]
    [1.33, 0.67]

    Args:
        dtypes: of the run, at least one.
    """
    parts = {dtype: 2 if _is_wide(dtype) else 1 for dtype in dtypes}
    return {dtype: part * len(parts) / sum(parts.values()) for dtype, part in parts.items()}


def _in_turn(dtypes: Sequence[torch.dtype]) -> list[torch.dtype]:
    """Each by its share, one after another."""
    return [*dtypes, *filter(_is_wide, dtypes)]


def _is_wide(dtype: torch.dtype) -> bool:
    return dtype.itemsize > 2


def small_cases(
    target: Target,
    dtypes: Sequence[torch.dtype],
    seed: int,
    count: int,
    *,
    enumerated: int | None = None,
    ever: Ever = NEVER,
) -> Iterator[Case]:
    """Small geometries: the smallest ones one after another, then a sample of all of them.

    Dtypes go round by their ``shares``, from another one in each run, so that a few runs put each
    of the smallest to all of them. Layouts, the gradients asked for and the values are drawn. A
    third of the sample is what networks have, in miniature: fast paths hide faults, too. Another
    sixth has sizes far out. Where sums are too long for dense values, as there in half precision,
    and soon in eight bits, the values are sparse.

    Args:
        target: what they are put to.
        dtypes: at least one.
        seed: of the run.
        count: of cases, altogether.
        enumerated: how many come from the enumeration; by default a third.
        ever: what was judged before: the enumeration goes on behind it, and of a few geometries
            that are drawn that is taken whose like was judged the least.
    """
    random = Random(f"small {seed}")
    first = count // 3 if enumerated is None else enumerated
    geometries = enumerated_geometries()
    in_turn = _in_turn(dtypes)
    begin = random.randrange(len(in_turn))
    for place in range(count):
        dtype = in_turn[(begin + place) % len(in_turn)]
        if place < first:
            geometry = next(g for g in geometries if not ever.has(g, dtype))
            case = _small_case(geometry, dtype, random)
        else:
            drawn = [_sampled(target, dtype, random) for _ in range(DRAWS if ever.cases else 1)]
            case = min(drawn, key=ever.times)
        if target.sides and random.random() < _UNEVEN:
            case = case.on(_uneven(case.geometry, random))
        yield as_possible(target, case)


def _sampled(target: Target, dtype: torch.dtype, random: Random) -> Case:
    """One of all small geometries, one with sizes far out, or what networks have, in miniature."""
    kind = random.random()
    if kind < _FAR:
        return as_possible(target, _small_case(far_geometry(random), dtype, random))
    if kind < _FAR + _MINIATURES:
        geometry = _fitting(miniature, dtype, random)
        return _miniature_case(geometry, dtype, random)
    return _small_case(_inside(target, random), dtype, random)


def _inside(target: Target, random: Random) -> Geometry:
    """A small one inside the target's domain, or that it can be moved there; else any."""
    geometry = small_geometry(random)
    for _ in range(_MOST_DRAWS if target.domain.where else 0):
        if not is_outside(target, geometry):
            break
        geometry = small_geometry(random)
    return geometry


def _uneven(geometry: Geometry, random: Random) -> Geometry:
    """The same with padding that differs between opposite sides, where there is any."""
    height, width = (
        shared_out(before, random.choice(("one", "uneven"))) for before, _ in geometry.padding
    )
    return replace(geometry, padding=(height, width))


def _fitting(draw: Callable[[Random], Geometry], dtype: torch.dtype, random: Random) -> Geometry:
    """One with room for exact integers; after ten that have none, any small one."""
    for _ in range(_MOST_DRAWS):
        geometry = draw(random)
        if can_be_exact(geometry, dtype):
            return geometry
    return small_geometry(random)


def _miniature_case(geometry: Geometry, dtype: torch.dtype, random: Random) -> Case:
    """As a small one; half of the networks hold input and kernel in channels_last.

    Of these a quarter are handed a part of a batch; and of all a tenth ask for no gradient.
    """
    case = _small_case(geometry, dtype, random)
    if random.random() < _OF_INFERENCE:
        case = replace(case, requires_grad="")
    if random.random() < 0.5:
        return case
    part = random.random() < _PART_OF_A_BATCH
    last = Layout.CHANNELS_LAST
    first = Layout.CHANNELS_LAST_OFFSET if part else last
    return replace(case, input_layout=first, weight_layout=last)


def _small_case(geometry: Geometry, dtype: torch.dtype, random: Random) -> Case:
    """Half are contiguous, a tenth alike in all operands; most ask for every gradient."""
    every = tuple(Layout)
    alike = random.random() < _ALIKE
    layouts = [
        random.choice(every) if random.random() < _LAID_OUT else Layout.CONTIGUOUS
        for _ in LAYOUT_FIELDS
    ]
    if alike:
        layouts = [random.choice(every)] * len(LAYOUT_FIELDS)
    case = Case(
        check=certifying().name,
        geometry=geometry,
        dtype=dtype,
        values=random.choice(EXACT_VALUES),
        requires_grad=_leaves(random),
        bias=random.random() < _BIASED,
    )
    return case.laid_out(dict(zip(LAYOUT_FIELDS, layouts, strict=True)))


def _leaves(random: Random) -> str:
    kind = random.random()
    if kind < _NO_LEAF:
        return ""
    return random.choice(SUBSETS) if kind < _NO_LEAF + _SOME_LEAVES else ALL_LEAVES


def large_cases(
    target: Target, dtypes: Sequence[torch.dtype], seed: int, count: int, *, ever: Ever = NEVER
) -> Iterator[Case]:
    """Layers of real sizes, those of known networks in turn, and where libraries change algorithm.

    Of sixty eight are layers of networks, from another one on in each run, but for the first: what
    most networks of images begin with, of which every gradient is asked for. Two geometries are put
    to every dtype.

    Args:
        target: what they are put to.
        dtypes: at least one.
        seed: of the run.
        count: of cases, altogether.
        ever: what was judged before: layers that were judged in the fewest dtypes come first.
    """
    random = Random(f"large {seed}")
    yield from islice(_large_cases(target, dtypes, random, count, ever), count)


def _large_cases(
    target: Target, dtypes: Sequence[torch.dtype], random: Random, count: int, ever: Ever
) -> Iterator[Case]:
    layers = [*network_geometries()]
    begin, every = random.randrange(len(layers)), _ROUND // _NETWORKS
    layers = [*layers[begin + 1 :], *layers[: begin + 1]]  # the first case is the stem's
    layers.sort(key=lambda layer: sum(ever.has(layer, dtype) for dtype in dtypes))
    in_turn = _in_turn(dtypes)
    for place in range(count):
        dtype = in_turn[place % len(in_turn)]
        if place % every == 0:
            geometry = layers[(place // every - 1) % len(layers)] if place else STEM
            if ever.has(geometry, dtype):
                dtype = next((kind for kind in dtypes if not ever.has(geometry, kind)), dtype)
            case = _miniature_case(geometry, dtype, random)
            case = case if place else replace(case, requires_grad=ALL_LEAVES)
        else:
            draw = random.choice((large_geometry, real_geometry))
            case = _small_case(draw(random), dtype, random)
        everywhere = place % (_ROUND // _IN_EVERY_DTYPE) == 1
        for kind in dtypes if everywhere else (dtype,):
            yield as_possible(target, replace(case, dtype=kind))


def pair_cases(
    target: Target, dtypes: Sequence[torch.dtype], seed: int, count: int
) -> Iterator[Case]:
    """Two sizes far out at once, pair after pair: see ``far_pairs``.

    Args:
        target: what they are put to.
        dtypes: at least one.
        seed: of the run.
        count: of cases, altogether.
    """
    random = Random(f"pairs {seed}")
    rounds = chain.from_iterable(far_pairs(random) for _ in repeat(None))
    for geometry, dtype in islice(zip(rounds, cycle(_in_turn(dtypes)), strict=False), count):
        yield as_possible(target, _small_case(geometry, dtype, random))


def threshold_cases(
    target: Target, dtypes: Sequence[torch.dtype], seed: int, count: int
) -> Iterator[Case]:
    """Sizes at the constants of the target's own code, alone and in pairs; none where it has none.

    Args:
        target: what they are put to.
        dtypes: at least one.
        seed: of the run.
        count: of cases, at most.
    """
    random = Random(f"thresholds {seed}")
    # Of a stream of their own: how many layouts there are changes no size.
    drawn = at_thresholds(target.constants, Random(f"sizes at thresholds {seed}"), count)
    for geometry, dtype in zip(drawn, cycle(_in_turn(dtypes)), strict=False):
        yield as_possible(target, _small_case(geometry, dtype, random))


def own_cases(target: Target, dtypes: Sequence[torch.dtype]) -> Iterator[Case]:
    """The sizes that a target is made for, and some near them.

    Of samples there are as many as have three hundred million products.

    Args:
        target: what they are put to; none for one that is made for no sizes.
        dtypes: of the run, of which the first two are tried.
    """
    if target.own is None:
        return
    own = target.own
    per_sample = math.prod((*own.weight_shape, *own.output_size))
    own = replace(own, batch=max(1, min(own.batch, _MOST_OWN // max(1, per_sample))))
    h, w = own.input_size
    near = [own, *(replace(own, batch=1, input_size=size) for size in ((h + 1, w), (h, w + 3)))]
    for geometry in near:
        for dtype in dtypes[:2]:
            yield as_possible(target, Case(check=certifying().name, geometry=geometry, dtype=dtype))


def network_cases(target: Target, dtypes: Sequence[torch.dtype]) -> Iterator[Case]:
    """The layers of known networks.

    Args:
        target: what they are put to.
        dtypes: at least one.
    """
    random = Random("networks")
    for geometry in network_geometries():
        for dtype in dtypes:
            yield as_possible(target, _small_case(geometry, dtype, random))
