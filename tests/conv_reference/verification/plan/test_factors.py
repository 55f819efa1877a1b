from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import combinations, product
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d

from conv_reference.layer import ConvLayer_1
from conv_reference.operands import can_be_exact
from conv_reference.verification.model.case import DTYPES, LAYOUT_FIELDS, Layout, Values
from conv_reference.verification.plan.covering import covering_array
from conv_reference.verification.plan.factors import (
    LAYOUT_FAMILIES,
    axis_sizes,
    case_of,
    factors_of,
    family_of,
)
from conv_reference.verification.plan.plan import plan
from conv_reference.verification.plan.request import Request
from conv_reference.verification.target.conventions import as_target

pytestmark = pytest.mark.untraced

ALL = tuple(DTYPES.values())


def without_groups(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
) -> Tensor:
    return conv2d(input, weight, bias, stride, padding, dilation)


TARGETS = {
    "a full function": conv2d,
    "a function without groups": without_groups,
    "a layer's instance": nn.Conv2d(4, 6, (3, 2), stride=(2, 1), padding=1, groups=2),
    "an instance without a bias": nn.Conv2d(2, 2, 3, bias=False),
    "a layer without channels": ConvLayer_1,
}
NAMES = list(TARGETS)


@cache
def rows_of(name: str) -> list[dict[str, Any]]:
    return covering_array(factors_of(as_target(TARGETS[name]), ALL), strength=2, seed=0)


def cannot_occur(levels: dict[str, Any]) -> bool:
    """Two rules: no remainder without a stride, no gradient of a bias that is not there."""
    lost = any(
        levels.get(f"stride_{axis}") == 1 and levels.get(f"remainder_{axis}") == "most"
        for axis in "hw"
    )
    return lost or (levels.get("bias") == "nobias" and "b" in levels.get("requires_grad", ""))


@pytest.mark.parametrize("name", NAMES)
def test_every_pair_of_levels_that_can_occur_together_does_occur(name: str) -> None:
    factors = factors_of(as_target(TARGETS[name]), ALL)
    rows = rows_of(name)
    met = {
        (first, row[first], second, row[second])
        for row in rows
        for first, second in combinations(factors, 2)
    }
    missed = [
        (first, a, second, b)
        for first, second in combinations(factors, 2)
        for a, b in product(factors[first], factors[second])
        if (first, a, second, b) not in met and not cannot_occur({first: a, second: b})
    ]

    assert missed == []
    assert not any(cannot_occur(row) for row in rows)


@pytest.mark.parametrize("name", NAMES[1:])
def test_a_default_run_covers_all_pairs_and_says_so(name: str) -> None:
    chosen = plan(as_target(TARGETS[name]), Request(ALL, seed=3, budget=1.0))
    assert chosen.covering is not None
    covered = chosen.covering.coverage(chosen.cases)
    thin = {Values.SPARSE, Values.REAL}
    dense = {case.dtype for case in chosen.cases if case.values not in thin}
    sparse = len({*ALL} - dense)  # dtypes of too few integers for a layer of settled sizes
    assert covered.pairs == covered.possible_pairs - sparse * len(LAYOUT_FIELDS) > 0
    assert 0 < covered.triples <= covered.possible_triples


@pytest.mark.parametrize(
    ("name", "single", "several"),
    [
        ("a full function", [], ["groups", "bias", "stride_h", "padding_w", "kernel_h"]),
        ("a function without groups", ["groups"], ["group_in", "bias", "dilation_w"]),
        ("a layer's instance", ["groups", "stride_h", "kernel_w", "bias"], ["batch", "output_h"]),
        (
            "a layer without channels",
            ["groups", "group_in", "group_out", "bias", "stride_w", "padding_h"],
            ["kernel_h", "kernel_w", "batch", "input_layout"],
        ),
    ],
)
def test_what_the_target_lacks_is_never_varied(
    name: str, single: list[str], several: list[str]
) -> None:
    factors = factors_of(as_target(TARGETS[name]), ALL)
    assert [f for f in single if len(factors[f]) > 1] == []
    assert [f for f in several if len(factors[f]) == 1] == []


def test_without_a_bias_no_gradient_of_one_is_asked_for() -> None:
    for name in ("an instance without a bias", "a layer without channels"):
        factors = factors_of(as_target(TARGETS[name]), ALL)
        assert factors["requires_grad"] == ("none", "X", "K", "XK")
        assert factors["bias"] == ("nobias",)
    assert factors_of(as_target(nn.Conv2d(2, 2, 3)), ALL)["bias"] == ("bias",)


@pytest.mark.parametrize("name", NAMES)
def test_a_row_gives_a_case_that_the_target_can_be_asked_for(name: str) -> None:
    target = as_target(TARGETS[name])
    for row in rows_of(name):
        case = case_of(row, target, "certificate")
        assert target.restrict(case) == case
        assert case.geometry.batch == row["batch"]
        has_room = can_be_exact(case.geometry, case.dtype)
        assert not has_room or family_of(case.input_layout) == row["input_layout"]


def test_each_layout_is_of_one_family_and_each_occurs() -> None:
    members = [layout for family in LAYOUT_FAMILIES.values() for layout in family]
    assert sorted(members) == sorted(Layout)

    target = as_target(conv2d)
    cases = [case_of(row, target, "certificate") for row in rows_of("a full function")]
    assert {case.weight_layout for case in cases} == {*Layout} - {Layout.IMAGE}
    for operand in ("input_layout", "grad_output_layout"):
        assert {getattr(case, operand) for case in cases} == set(Layout)


@pytest.mark.parametrize(
    ("factor", "level", "meant"),
    [
        ("padding_h", "none", lambda c: c.geometry.padding[0] == (0, 0)),
        ("padding_h", "one", lambda c: c.geometry.padding[0] == (1, 1)),
        ("padding_w", "kernel", lambda c: c.geometry.padding[1][0] == c.geometry.kernel_size[1]),
        ("remainder_h", "none", lambda c: c.geometry.remainder[0] == 0),
        ("remainder_w", "most", lambda c: c.geometry.remainder[1] == c.geometry.stride[1] - 1 > 0),
        ("stride_h", 3, lambda c: c.geometry.stride[0] == 3),
        ("dilation_w", 2, lambda c: c.geometry.dilation[1] == 2),
        ("kernel_h", 4, lambda c: c.geometry.kernel_size[0] == 4),
        ("groups", 3, lambda c: c.geometry.groups == 3),
        ("group_in", 9, lambda c: c.geometry.group_channels[0] == 9),
        ("group_out", 6, lambda c: c.geometry.group_channels[1] == 6),
        ("requires_grad", "none", lambda c: c.requires_grad == ""),
        ("requires_grad", "Kb", lambda c: c.requires_grad == "Kb" and c.bias),
        ("bias", "nobias", lambda c: not c.bias),
        ("weight_layout", "expanded", lambda c: c.weight_layout == Layout.EXPANDED),
        ("values", "heavy_input", lambda c: c.values == Values.HEAVY_INPUT),
        ("dtype", "float16", lambda c: c.dtype == torch.float16),
    ],
)
def test_a_level_means_what_it_is_called(
    factor: str, level: Any, meant: Callable[[Any], bool]
) -> None:
    target = as_target(conv2d)
    rows = rows_of("a full function")
    cases = [case_of(row, target, "certificate") for row in rows if row[factor] == level]
    chosen = [case for case in cases if can_be_exact(case.geometry, case.dtype)]

    assert len(chosen) > 5
    assert all(meant(case) for case in chosen)


@pytest.mark.parametrize(
    ("levels", "input_size"),
    [
        ({"kernel": 3, "stride": 1, "dilation": 1, "padding": 0, "remainder": 0}, 3),
        ({"kernel": 3, "stride": 2, "dilation": 2, "padding": 0, "remainder": 1}, 6),
        # A padding of one on both sides leaves a pixel for a kernel of 3, two more do not fit.
        ({"kernel": 3, "stride": 1, "dilation": 1, "padding": 1, "remainder": 0}, 1),
        # One output would see padding alone, or less than no pixel: three are the fewest.
        ({"kernel": 1, "stride": 1, "dilation": 1, "padding": 1, "remainder": 0}, 1),
        ({"kernel": 2, "stride": 3, "dilation": 1, "padding": 2, "remainder": 2}, 3),
    ],
    ids=str,
)
def test_the_least_output_leaves_a_pixel_of_input(levels: dict[str, int], input_size: int) -> None:
    least = axis_sizes(**levels, outputs=0)
    more = axis_sizes(**levels, outputs=2)
    assert least.input == input_size
    assert more.input == input_size + 2 * levels["stride"]
