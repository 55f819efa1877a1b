from __future__ import annotations

from itertools import islice

import pytest

from conv_reference.geometry import Geometry
from conv_reference.verification.factors import random_geometries

DRAWN = list(islice(random_geometries(0), 1_000))


def test_the_seed_decides() -> None:
    assert DRAWN[:5] == list(islice(random_geometries(0), 5))
    assert DRAWN[:5] != list(islice(random_geometries(1), 5))


@pytest.mark.parametrize(
    ("met", "least"),
    [
        (lambda g: g.groups > 1 and max(g.stride) > 1, 100),
        (lambda g: any(s > k for s, k in zip(g.stride, g.kernel_size, strict=True)), 100),
        (lambda g: any(g.remainder), 100),
        (lambda g: any(p[0] >= k for p, k in zip(g.padding, g.kernel_size, strict=True)), 100),
        (lambda g: g.input_size[0] != g.input_size[1], 500),
        (lambda g: max(g.stride) > 1 and max(g.dilation) > 1, 100),
        (lambda g: g.groups == g.in_channels > 1, 50),
        (lambda g: g.in_channels == 1, 50),
        (lambda g: g.stride[0] != g.stride[1], 500),
        (lambda g: min(g.input_size) == 1, 50),
        (lambda g: g.batch > 1 and g.groups == g.in_channels > 1, 20),
    ],
    ids=[
        "groups with stride",
        "stride above kernel",
        "remainder",
        "padding at least the kernel",
        "H ≠ W",
        "stride with dilation",
        "depthwise",
        "one channel",
        "unequal strides",
        "one pixel high or wide",
        "depthwise with a batch",
    ],
)
def test_what_guards_real_faults_comes_up_often(met: object, least: int) -> None:
    assert callable(met)
    assert sum(bool(met(geometry)) for geometry in DRAWN) >= least


def test_torch_can_be_asked_for_all_of_it() -> None:
    assert all(isinstance(geometry, Geometry) for geometry in DRAWN)
    assert all(side[0] == side[1] for geometry in DRAWN for side in geometry.padding)
