from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest
import torch
from torch.nn.functional import conv2d

from conv_reference.geometry import Geometry
from conv_reference.operands import can_be_exact, largest_exact_integer
from conv_reference.verification.model.case import DTYPES, Case, Layout
from conv_reference.verification.plan.bulk import (
    large_cases,
    network_cases,
    own_cases,
    shares,
    small_cases,
)
from conv_reference.verification.plan.geometries import enumerated_geometries
from conv_reference.verification.target.conventions import as_target

ALL = tuple(DTYPES.values())
TARGET = as_target(conv2d)


@cache
def small() -> tuple[Case, ...]:
    """Three thousand, made when a test asks for them: each worker collects all tests."""
    return tuple(small_cases(TARGET, ALL, 0, 3000))


def halves_its_image(case: Case) -> bool:
    """A shortcut of a residual network in channels_last, for which oneDNN has a fast path."""
    g = case.geometry
    sides = zip(g.input_size, g.stride, strict=True)
    return (
        case.input_layout == Layout.CHANNELS_LAST
        and g.kernel_size == (1, 1)
        and max(g.stride) > 1 < g.batch
        and g.groups == 1
        and g.padding == ((0, 0), (0, 0))
        and all(size % stride == 0 for size, stride in sides)
    )


def test_the_smallest_geometries_come_first() -> None:
    known = dict(zip(enumerated_geometries(), range(1000), strict=False))
    places = [known[case.geometry] for case in small()[:900]]
    assert places == sorted(places)


def test_a_few_runs_put_the_smallest_geometries_to_every_dtype() -> None:
    dtypes: dict[str, set[torch.dtype]] = {}
    for seed in range(20):
        for case in small_cases(TARGET, ALL, seed, 60):
            dtypes.setdefault(str(case.geometry), set()).add(case.dtype)
    smallest = [str(case.geometry) for case in small()[:20]]
    assert all(dtypes[geometry] == set(ALL) for geometry in smallest)


def test_dense_cases_have_room_for_exact_integers_in_every_dtype() -> None:
    dense = [case for case in small() if case.values != "sparse"]
    assert all(can_be_exact(case.geometry, case.dtype) for case in dense)
    roomy = [dtype for dtype in ALL if largest_exact_integer(dtype) >= 2**8]
    of_roomy = [[case for case in cases if case.dtype in roomy] for cases in (dense, small())]
    assert len(of_roomy[0]) > 0.9 * len(of_roomy[1])
    for dtype, share in shares(ALL).items():
        count = sum(case.dtype == dtype for case in small())
        assert count * len(ALL) / len(small()) == pytest.approx(share, rel=0.1)


def test_conjunctions_that_choose_a_fast_path_come_up() -> None:
    assert sum(map(halves_its_image, small())) >= 5


def test_both_operands_in_channels_last_come_up_as_networks_have_them() -> None:
    last = Layout.CHANNELS_LAST
    both = [c for c in small() if c.input_layout == c.weight_layout == last]
    assert 100 < len(both) < 400


def test_where_dense_sums_are_too_long_values_are_sparse() -> None:
    for case in (*large_cases(TARGET, ALL, 0, 40), *network_cases(TARGET, (torch.bfloat16,))):
        exact = can_be_exact(case.geometry, case.dtype)
        assert exact or case.values == "sparse"


def test_the_same_seed_draws_the_same() -> None:
    def drawn(seed: int) -> list[Case]:
        return list(small_cases(TARGET, ALL, seed, 60))

    assert drawn(1) == drawn(1) != drawn(2)


def test_the_sizes_a_target_is_made_for_are_tried_and_some_beside_them() -> None:
    assert [*own_cases(TARGET, ALL)] == []
    made_for = Geometry.parse("n4000 c64 h56 w57 o64 k3 p1")
    cases = [*own_cases(replace(TARGET, own=made_for), ALL)]
    sizes = [(56, 57), (57, 57), (56, 60)]
    assert [case.geometry.input_size for case in cases] == [s for s in sizes for _ in range(2)]
    assert {case.dtype for case in cases} == {*ALL[:2]}
    # Of so many samples as many as the oracle computes in a second.
    assert [case.geometry.batch for case in cases] == [2, 2, 1, 1, 1, 1]
