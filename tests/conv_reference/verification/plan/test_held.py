from __future__ import annotations

import pytest
import torch

from conv_reference.geometry import Geometry
from conv_reference.verification.checks import certifying
from conv_reference.verification.plan.covering import Covering
from conv_reference.verification.plan.factors import case_of, geometry_of
from conv_reference.verification.plan.held import held, sizes_read
from conv_reference.verification.target.conventions import as_target


def test_levels_are_read_from_the_sizes_that_they_describe() -> None:
    target = as_target(torch.nn.functional.conv2d)
    for levels, _ in Covering.of(target, (torch.float64,), strength=2, seed=0).rows:
        read = sizes_read(geometry_of(levels))
        assert all(levels[name] in found for name, found in read.items() if name in levels)


@pytest.mark.parametrize(
    ("where", "moved"),
    [("g == 1", {"groups": 1}), ("w >= 32", {"output_w": None}), ("n == 2", {"batch": 2})],
)
def test_what_a_domain_moves_counts_as_it_was_put(where: str, moved: dict[str, int | None]) -> None:
    target = as_target(torch.nn.functional.conv2d)
    levels, _ = Covering.of(target, (torch.float64,), strength=2, seed=0).rows[0]
    levels = {**levels, "groups": 3, "group_in": 1, "group_out": 1, "kernel_h": 2, "batch": 3}
    inside = target.within(where)
    put = held(levels, case_of(levels, inside, certifying().name), inside)
    assert {name: put.get(name) for name in moved} == moved
    assert held(levels, case_of(levels, target, certifying().name), target) == levels


def test_sizes_between_the_levels_have_none() -> None:
    read = sizes_read(Geometry.parse("n1 h9 w9 k3 p2 s3"))
    assert read["padding_h"] == ()
    assert read["remainder_h"] == ()
    assert read["output_h"] == ("two more",)  # four, of at least two that see a pixel
