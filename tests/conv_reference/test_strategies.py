from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import find, given, settings

from conv_reference.geometry import Geometry
from conv_reference.strategies import geometries, integer_operands, normal_operands


@given(geometries(max_batch=2, max_groups=2, max_group_channels=1, max_kernel=2, max_padding=1))
def test_the_bounds_are_kept(geometry: Geometry) -> None:
    assert 1 <= geometry.batch <= 2
    assert geometry.groups <= 2
    assert geometry.group_channels == (1, 1)
    assert max(geometry.kernel_size) <= 2
    assert max(*geometry.padding[0], *geometry.padding[1]) <= 1


@given(geometries(symmetric=True))
def test_symmetric_padding_is_the_same_on_opposite_sides(geometry: Geometry) -> None:
    assert all(first == second for first, second in geometry.padding)


@pytest.mark.parametrize(
    ("condition", "smallest"),
    [
        (lambda g: True, "n1 c1 h1 w1 o1 k1x1 s1 p0 d1 g1"),
        (lambda g: g.groups > 1, "n1 c2 h1 w1 o2 k1x1 s1 p0 d1 g2"),
        (lambda g: g.remainder[0] > 0, None),
        (lambda g: g.stride[1] > g.kernel_size[1], "n1 c1 h1 w1 o1 k1x1 s1x2 p0 d1 g1"),
        (lambda g: g.padding[0][1] >= g.kernel_size[0], "n1 c1 h1 w1 o1 k1x1 s1 p0:1x0 d1 g1"),
        (lambda g: g.input_size[0] != g.input_size[1], None),
        (lambda g: g.groups > 1 and min(g.stride) > 1 and min(g.dilation) > 1, None),
    ],
    ids=["any", "groups", "remainder", "stride", "padding", "H ≠ W", "three at once"],
)
def test_what_guards_real_faults_is_found_and_shrinks(
    condition: Callable[[Geometry], bool], smallest: str | None
) -> None:
    found = find(geometries(), condition, settings=settings(max_examples=2_000, database=None))
    assert condition(found)
    assert smallest is None or str(found) == smallest


def test_operands_have_the_geometrys_shapes() -> None:
    geometry = Geometry.parse("n2 c4 h5 w6 o2 k2x3 g2")
    for strategy in (integer_operands(geometry), normal_operands(geometry, torch.float32)):
        operands = find(strategy, lambda _: True)
        assert operands.input.shape == geometry.input_shape
        assert operands.weight.shape == geometry.weight_shape
        assert operands.grad_output.shape == geometry.output_shape


def test_operands_that_cannot_be_exact_are_refused_at_once() -> None:
    with pytest.raises(ValueError, match="no integers are exact in torch.bfloat16"):
        integer_operands(Geometry.parse("n9 h6 w6 k1"), torch.bfloat16)
