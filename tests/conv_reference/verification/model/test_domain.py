from __future__ import annotations

from itertools import islice

import pytest
from hypothesis import given

from conv_reference.geometry import Geometry
from conv_reference.strategies import geometries
from conv_reference.verification.model.domain import (
    EVERYWHERE,
    Domain,
    require_where,
    some_inside,
    towards,
)

BROUGHT_ABOUT = (
    "sh == sw == 1 and kh == kw == 3",
    "g == 1 and c % 4 == 0 and o % 8 == 0",
    "g == c and o == c",
    "h == w and ph == pw == 0 and dh < 2 and dw < 2",
    "sh <= kh and sw <= kw",
    "3 <= kh and n > 2",
    "n == 0 and kh == 3",
    "n < 1",
)


@pytest.mark.parametrize("where", BROUGHT_ABOUT)
@given(geometry=geometries())
def test_a_geometry_is_moved_inside_and_stays_there(where: str, geometry: Geometry) -> None:
    domain = Domain(where)
    moved = towards(where, geometry)
    assert towards(where, moved) == moved
    assert moved in domain
    assert geometry in EVERYWHERE
    symmetric = all(before == after for before, after in geometry.padding)
    assert moved == geometry or geometry not in domain or not symmetric


def test_what_no_comparison_brings_about_is_looked_at() -> None:
    where = "oh % 2 == 0 and n > 3"
    found = list(islice(some_inside(where), 5))
    assert found
    assert all(g.output_size[0] % 2 == 0 and g.batch > 3 for g in found)
    assert not list(some_inside("kh < kh"))


@pytest.mark.parametrize("where", ["n == 0", "n < 1", "n <= 0 and kh == 3"])
def test_a_domain_of_empty_batches_is_one(where: str) -> None:
    found = [*some_inside(where)]
    assert found
    assert not any(geometry.batch for geometry in found)


def test_what_is_no_predicate_is_refused() -> None:
    with pytest.raises(ValueError, match="not a predicate over sizes"):
        require_where("colour == 1")
