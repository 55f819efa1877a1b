from __future__ import annotations

from typing import Any

import pytest
from sympy import S

from analytic.calculus.notation import Expr, Index, Tensor, total
from analytic.calculus.plane import Plane, Sides, collect, correlate, flip, pad, spread

A = Tensor.make("A", (1, 1, 2, 2))
B = Tensor.make("B", (1, 1, 1, 2))
a, b, c, d = A.symbols.values()
e, f = B.symbols.values()
PLANE = Plane.of(A, 0, 0)


def rows(plane: Plane) -> list[list[Any]]:
    return [list(row) for row in plane.grid()]


def test_a_plane_is_a_tensors_last_two_dimensions() -> None:
    assert rows(PLANE) == [[a, b], [c, d]]


def test_flip() -> None:
    assert rows(flip(PLANE)) == [[d, c], [b, a]]


def test_spread_puts_zeros_between_neighbours() -> None:
    assert rows(spread(PLANE, (1, 3))) == [[a, 0, 0, b], [c, 0, 0, d]]
    assert rows(spread(PLANE, (2, 1))) == [[a, b], [0, 0], [c, d]]


@pytest.mark.parametrize(
    ("sides", "expected"),
    [
        ((1, 0, 0, 0), [[0, 0], [a, b], [c, d]]),
        ((0, 1, 0, 0), [[a, b], [c, d], [0, 0]]),
        ((0, 0, 1, 0), [[0, a, b], [0, c, d]]),
        ((0, 0, 0, 1), [[a, b, 0], [c, d, 0]]),
        ((-1, 0, 0, 0), [[c, d]]),
        ((0, 0, 1, -1), [[0, a], [0, c]]),
        ((0, 1, -2, 2), [[0, 0], [0, 0], [0, 0]]),
    ],
)
def test_pad_adds_zeros_or_crops(sides: Sides, expected: list[list[Expr]]) -> None:
    assert rows(pad(PLANE, sides)) == expected


def test_correlate_slides_without_flipping() -> None:
    found = {place: total(listed) for place, listed in correlate(PLANE, Plane.of(B, 0, 0))}
    assert found == {(0, 0): a * e + b * f, (1, 0): c * e + d * f}


def test_correlate_in_steps() -> None:
    wide = pad(PLANE, (0, 0, 1, 1))
    found = {place: total(listed) for place, listed in correlate(wide, Plane.of(B, 0, 0), (1, 2))}
    assert found == {(0, 0): a * f, (0, 1): b * e, (1, 0): c * f, (1, 1): d * e}


def test_correlate_keeps_the_first_stops_that_are_asked_for() -> None:
    stops = list(correlate(PLANE, Plane.of(B, 0, 0), size=(1, 1)))
    assert [place for place, _ in stops] == [(0, 0)]


def test_collected_terms_add_up() -> None:
    into: dict[Index, list[Expr]] = {}
    collect(into, (0,), iter([((0, 0), [a]), ((0, 1), [])]))
    collect(into, (0,), iter([((0, 0), [b])]))
    assert into == {(0, 0, 0): [a, b], (0, 0, 1): []}
    assert total(into[0, 0, 1]) is S.Zero
