"""Everyday sizes are met in every run: those that guard faults, alone and in pairs."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from itertools import combinations
from random import Random

import pytest
from torch.nn.functional import conv2d

from conv_reference.geometry import Geometry
from conv_reference.verification.model.case import DTYPES, dtype_name
from conv_reference.verification.plan.bulk import large_cases, pair_cases, small_cases
from conv_reference.verification.plan.ever import Ever
from conv_reference.verification.plan.far import far_geometry, log_uniform, real_geometry
from conv_reference.verification.plan.networks import STEM, network_geometries
from conv_reference.verification.target.conventions import as_target

pytestmark = pytest.mark.untraced

ALL, TARGET = tuple(DTYPES.values()), as_target(conv2d)
Guard = Callable[[Geometry], bool]
REAL = [real_geometry(random) for random in [Random(0)] for _ in range(150)]


@cache
def run(seed: int) -> list[Geometry]:
    """What a default run puts to a target beside the smallest geometries."""
    drawn = (
        *large_cases(TARGET, ALL, seed, 60),
        *pair_cases(TARGET, ALL, seed, 66),
        *small_cases(TARGET, ALL, seed, 4_850, enumerated=0),
    )
    return [case.geometry for case in drawn]


GUARDS: dict[str, Guard] = {
    "a plane of 3,000 pixels": lambda g: math.prod(g.input_size) >= 3_000,
    "a channel of 3,000 outputs": lambda g: math.prod(g.output_size) >= 3_000,
    "6 groups of 5 channels": lambda g: (g.groups, g.group_channels[0]) == (6, 5),
    "stride = kernel = 10": lambda g: g.stride == g.kernel_size == (10, 10),
    "dilation 9": lambda g: 9 in g.dilation,
    "padding 6 and more": lambda g: max(map(max, g.padding)) >= 6,
    "44 channels in one group": lambda g: g.group_channels[0] >= 44,
    "batch 11 with 20 channels": lambda g: g.batch >= 11 and g.in_channels >= 20,
    "100 channels in and out": lambda g: min(g.in_channels, g.out_channels) >= 100,
    "depthwise of 40 channels, strided": lambda g: (
        g.groups == g.in_channels >= 40 and max(g.stride) > 1
    ),
}
FAR: dict[str, Guard] = {
    "plane": GUARDS["a plane of 3,000 pixels"],
    "patches": lambda g: g.stride == g.kernel_size and min(g.stride) >= 8,
    "dilation": lambda g: max(g.dilation) >= 8,
    "padding": GUARDS["padding 6 and more"],
    "batch": lambda g: g.batch >= 11,
    "groups": lambda g: g.groups > 4 and g.group_channels[0] >= 3,
    "channels": lambda g: g.in_channels >= 40,
}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("guard", GUARDS)
def test_what_everyday_sizes_guard_is_met_in_each_run(guard: str, seed: int) -> None:
    assert any(map(GUARDS[guard], run(seed)))


@pytest.mark.parametrize("seed", range(3))
def test_two_sizes_far_out_are_met_together_in_each_run(seed: int) -> None:
    missed = {
        (one, other)
        for one, other in combinations(FAR, 2)
        if not any(FAR[one](g) and FAR[other](g) for g in run(seed))
    }
    assert not missed


def test_layers_of_known_networks_come_in_turn() -> None:
    layers = {*network_geometries()}
    met: set[Geometry] = set()
    for night in range(30):
        tonight = {c.geometry for c in large_cases(TARGET, ALL, 1_000 * night, 60)} & layers
        assert len(tonight) >= 7
        met |= tonight
    assert met == layers


def test_each_gradient_of_the_stem_is_asked_for_in_each_run() -> None:
    for seed in range(20):
        first = next(large_cases(TARGET, ALL, seed, 1))
        assert first.geometry == STEM
        assert first.requires_grad == ("XKb" if first.bias else "XK")


def nights_with_a_store(month: int, *, every_dtype: bool = False) -> int:
    """After how many nights each layer of a known network was judged: plans alone, nothing runs."""
    random, judged = Random(month), set[tuple[str, str]]()
    layers = {str(layer) for layer in network_geometries()}
    wanted = {(layer, dtype_name(dtype)) for layer in layers for dtype in ALL}
    for night in range(1, 31):
        ever = Ever(cases=len(judged), certified=frozenset(judged))
        for case in large_cases(TARGET, ALL, random.getrandbits(32), 60, ever=ever):
            judged.add((str(case.geometry), dtype_name(case.dtype)))
        if wanted <= judged or (not every_dtype and layers <= {layer for layer, _ in judged}):
            return night
    raise AssertionError(f"not in a month: {layers - {layer for layer, _ in judged}}")


@pytest.mark.parametrize("month", range(10))
def test_with_a_store_each_layer_of_a_known_network_is_met_in_five_nights(month: int) -> None:
    assert nights_with_a_store(month) <= 5


def test_with_a_store_each_layer_is_met_in_each_dtype_within_a_month() -> None:
    assert nights_with_a_store(0, every_dtype=True) <= 5 * len(ALL)


def test_one_large_geometry_goes_to_every_dtype() -> None:
    dtypes: dict[Geometry, set[object]] = {}
    for case in large_cases(TARGET, ALL, 5, 60):
        dtypes.setdefault(case.geometry, set()).add(case.dtype)
    assert any(met == {*ALL} for met in dtypes.values())


def test_layers_of_real_size_are_so_and_no_larger() -> None:
    assert sum(28 <= max(g.output_size) <= 256 for g in REAL) > 50
    assert sum(g.in_channels >= 16 for g in REAL) > 50
    assert sum(g.batch > 4 for g in REAL) > 50
    assert sum(g.groups > 4 and g.group_channels[0] > 1 for g in REAL) > 10
    assert max(g.batch * math.prod((*g.output_size, *g.weight_shape)) for g in REAL) <= 16_000_000


def test_the_same_seed_draws_the_same() -> None:
    def drawn(seed: int) -> list[Geometry]:
        random = Random(seed)
        return [draw(random) for draw in (far_geometry, real_geometry) for _ in range(5)]

    assert drawn(1) == drawn(1) != drawn(2)


def test_a_logarithmic_scale_has_as_much_in_each_octave() -> None:
    random = Random(0)
    drawn = [log_uniform(random, 8, 63) for _ in range(3_000)]
    octaves = [sum(low <= size < 2 * low for size in drawn) for low in (8, 16, 32)]
    assert min(octaves) > 900
    assert (min(drawn), max(drawn)) == (8, 63)
