"""Who meets whom in the picture, against the Jacobians that sympy differentiated."""

from __future__ import annotations

from itertools import product

import pytest

from analytic import Geometry, derive
from analytic.telling.picture import picture

GEOMETRIES = {
    "chapter": Geometry((2, 3), (1, 2)),
    "strided and padded": Geometry((5, 4), (3, 2), stride=2, padding=1),
    "stride and dilation": Geometry(7, 2, stride=2, dilation=3),
    "pixels never seen": Geometry((4, 5), 1, stride=3),
    "groups": Geometry((2, 3), 2, batch=2, in_channels=4, out_channels=6, groups=2),
}


@pytest.mark.parametrize("geometry", GEOMETRIES.values(), ids=GEOMETRIES)
def test_cells_that_meet_are_the_entries_of_the_jacobian(geometry: Geometry) -> None:
    derivation = derive(geometry)
    seen = picture(derivation)
    height, width = geometry.input

    met = {
        ((n, o, i, j), (n, c, u, v)): derivation.K[o, k, a, b]
        for n, c, u, v in product(
            range(geometry.batch), range(geometry.in_channels), range(height), range(width)
        )
        for o, k in seen.channels[c]
        for i, a in seen.rows[u]
        for j, b in seen.columns[v]
    }

    assert met == dict(derivation.jacobian_input.entries)


@pytest.mark.parametrize("geometry", GEOMETRIES.values(), ids=GEOMETRIES)
def test_every_pixel_has_a_case_with_a_name(geometry: Geometry) -> None:
    seen = picture(derive(geometry))
    counts = {len(down) * len(across) for down in seen.rows for across in seen.columns}

    assert counts == {count for count, _name in seen.cases}


def test_planes_are_named_where_there_are_several() -> None:
    seen = picture(derive(GEOMETRIES["groups"]))
    names = {
        pictured.role: [str(label) for _leading, label in pictured.planes()]
        for pictured in seen.tensors
    }

    assert names["X"][0] == "X[0, 0, :, :]"
    assert len(names["K"]) == 6 * 2
    assert len(names["Y"]) == len(names["G"]) == 2 * 6
