from __future__ import annotations

from collections import Counter
from itertools import islice
from math import prod
from random import Random

import pytest

from conv_reference.geometry import Geometry
from conv_reference.verification.plan import geometries
from conv_reference.verification.plan.geometries import (
    enumerated_geometries,
    large_geometry,
    small_geometry,
)

FIRST = list(islice(enumerated_geometries(), 5_000))


def drawn(count: int, seed: int = 0) -> list[Geometry]:
    random = Random(seed)
    return [small_geometry(random) for _ in range(count)]


def large(count: int, seed: int = 0) -> list[Geometry]:
    random = Random(seed)
    return [large_geometry(random) for _ in range(count)]


SMALL, LARGE = drawn(1_000), large(300)


def test_the_enumeration_repeats_nothing() -> None:
    assert len(set(FIRST)) == len(FIRST)


def test_the_enumeration_goes_from_small_to_large() -> None:
    def size(g: Geometry) -> int:
        return prod(g.input_shape) + prod(g.weight_shape)

    assert str(FIRST[0]) == "n1 c1 h1 w1 o1 k1x1 s1 p0 d1 g1"
    hundreds = [sum(map(size, FIRST[at : at + 500])) for at in range(0, 5_000, 2_500)]
    assert hundreds == sorted(hundreds)


def test_a_table_of_few_levels_is_enumerated_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    levels = {
        "batch": (1, 2),
        "channels": ((1, 1, 1), (2, 1, 1)),
        **{
            f"{name}_{axis}": values
            for axis in "hw"
            for name, values in {
                "kernel": (1, 2),
                "stride": (1, 2),
                "padding": (0, 1),
                "dilation": (1,),
                "outputs": (0,),
                "remainder": (0, 1),
            }.items()
        },
    }
    monkeypatch.setattr(geometries, "_LEVELS", levels)
    monkeypatch.setattr(geometries, "_SIZES", tuple(map(len, levels.values())))
    found = list(enumerated_geometries())

    # Of each axis 2·2·2·2 combinations, less the four with a remainder of 1 for a stride of 1.
    assert len(found) == 2 * 2 * 12**2
    assert len(set(found)) == len(found)


def test_the_same_seed_draws_the_same() -> None:
    assert drawn(20) == drawn(20) != drawn(20, seed=1)
    assert large(5) == large(5) != large(5, seed=1)


@pytest.mark.parametrize(
    ("least", "met"),
    [
        pytest.param(200, lambda g: g.groups > 1 and max(g.stride) > 1, id="groups with stride"),
        pytest.param(
            200,
            lambda g: any(s > k for s, k in zip(g.stride, g.kernel_size, strict=True)),
            id="stride above kernel",
        ),
        pytest.param(200, lambda g: any(g.remainder), id="remainder"),
        pytest.param(
            200,
            lambda g: any(p[0] >= k for p, k in zip(g.padding, g.kernel_size, strict=True)),
            id="padding at least the kernel",
        ),
        pytest.param(500, lambda g: g.input_size[0] != g.input_size[1], id="H ≠ W"),
        pytest.param(100, lambda g: max(g.stride) > 1 < max(g.dilation), id="stride, dilation"),
        pytest.param(50, lambda g: g.groups == g.in_channels > 1 < g.batch, id="depthwise, batch"),
        pytest.param(50, lambda g: g.in_channels == 1, id="one channel"),
        pytest.param(50, lambda g: min(g.input_size) == 1, id="one pixel high or wide"),
        pytest.param(20, lambda g: g.kernel_size == (1, 1), id="pointwise"),
    ],
)
def test_what_guards_real_faults_comes_up_often(least: int, met: object) -> None:
    assert callable(met)
    assert sum(bool(met(geometry)) for geometry in SMALL) >= least


def test_large_geometries_are_large_but_bounded() -> None:
    products = [g.batch * prod(g.output_size) * prod(g.weight_shape) for g in LARGE]
    assert max(products) <= 4_000_000
    assert sorted(products)[len(products) // 2] > 10_000


@pytest.mark.parametrize(
    ("least", "met"),
    [
        pytest.param(20, lambda g: g.batch >= 16, id="batch"),
        pytest.param(50, lambda g: g.in_channels >= 16, id="channels"),
        pytest.param(5, lambda g: g.groups == g.in_channels > 4, id="depthwise"),
        pytest.param(50, lambda g: max(g.output_size) >= 14, id="pixels"),
        pytest.param(20, lambda g: g.kernel_size == (3, 3) and g.stride == (1, 1), id="Winograd"),
    ],
)
def test_large_geometries_reach_where_algorithms_change(least: int, met: object) -> None:
    assert callable(met)
    assert sum(bool(met(geometry)) for geometry in LARGE) >= least


@pytest.mark.parametrize("found", [FIRST, SMALL, LARGE], ids=["all", "small", "large"])
def test_torch_can_be_asked_for_every_one(found: list[Geometry]) -> None:
    assert all(side[0] == side[1] for g in found for side in g.padding)
    assert Counter(min(g.output_size) >= 1 for g in found) == {True: len(found)}
