from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given

from conv_reference.geometry import Geometry
from conv_reference.strategies import geometries
from conv_reference.verification.reduce import smallest_failing

LARGE = Geometry.parse("n5 c12 h17 w13 o8 k4x5 s3x2 p2x3 d2x3 g4")


@pytest.mark.parametrize(
    ("fails", "smallest"),
    [
        (lambda g: True, "n1 c1 h1 w1 o1 k1x1 s1 p0 d1 g1"),
        (lambda g: g.batch % 4 == 1 and g.batch > 1, "n5 c1 h1 w1 o1 k1x1 s1 p0 d1 g1"),
        (lambda g: g.groups > 1 and g.stride[0] > 1, "n1 c2 h1 w1 o2 k1x1 s2x1 p0 d1 g2"),
        (lambda g: g.padding[1][0] >= g.kernel_size[1], "n1 c1 h1 w1 o1 k1x1 s1 p0x1 d1 g1"),
        (lambda g: g.kernel_size[1] > 1, "n1 c1 h1 w2 o1 k1x2 s1 p0 d1 g1"),
        (lambda g: g.remainder[0] > 0, "n1 c1 h2 w1 o1 k1x1 s2x1 p0 d1 g1"),
        (lambda g: g.input_size[0] != g.input_size[1], "n1 c1 h1 w2 o1 k1x1 s1 p0 d1 g1"),
    ],
    ids=["anything", "batch", "groups and stride", "padding", "kernel", "remainder", "H ≠ W"],
)
def test_a_failure_shrinks_to_the_stated_minimum(
    fails: Callable[[Geometry], bool], smallest: str
) -> None:
    large = LARGE if fails(LARGE) else Geometry.parse("n5 c4 h9 w7 o4 k2x3 s3x2 p1x4 g2")
    assert fails(large)
    assert str(smallest_failing(large, fails)) == smallest


@given(geometries(symmetric=True))
def test_what_fails_always_shrinks_to_one_pixel(geometry: Geometry) -> None:
    assert str(smallest_failing(geometry, lambda _: True)) == "n1 c1 h1 w1 o1 k1x1 s1 p0 d1 g1"
