"""The extent is counted before the work: it must not be less than what is then written down."""

from __future__ import annotations

import pytest

from analytic import Geometry, derive
from analytic.calculus.extent import extent
from analytic.calculus.notation import terms


@pytest.mark.parametrize(
    "geometry",
    [
        Geometry((2, 3), (1, 2)),
        Geometry(5, 3, stride=2, padding=1),
        Geometry(6, 2, dilation=(3, 1), stride=(1, 3), padding=((0, 4), (1, 0))),
        Geometry(4, 2, batch=2, in_channels=4, out_channels=6, groups=2),
        Geometry(1, 1, padding=5),
        Geometry((1, 90), (1, 1), stride=50),
    ],
    ids=str,
)
def test_no_derivation_writes_more(geometry: Geometry) -> None:
    d = derive(geometry)
    symbols = 2 * len(d.X) + len(d.K) + 2 * len(d.Y)
    products = sum(len(terms(output)) for output in d.output.values())
    cells = sum(
        len(grid.cells) * len(grid.cells[0])
        for step in d.steps
        for block in step.blocks
        for grid in getattr(block, "grids", ())
    )
    assert symbols + products <= extent(geometry)
    assert cells <= 2 * extent(geometry)


def test_without_padding_each_product_is_counted_once() -> None:
    geometry = Geometry((5, 7), (2, 3), in_channels=2, out_channels=3)
    d = derive(geometry)
    products = sum(len(terms(output)) for output in d.output.values())
    assert extent(geometry) == products + 2 * len(d.X) + len(d.K) + 2 * len(d.Y)


def test_it_takes_no_time_however_large_the_sizes() -> None:
    assert extent(Geometry(10**12, 10**6)) > 10**30
