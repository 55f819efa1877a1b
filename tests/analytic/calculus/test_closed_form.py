from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import pytest
from sympy import S, Symbol

from analytic import Geometry, GeometryError, derive
from analytic.calculus.closed_form import (
    check,
    equal,
    forward,
    input_gradient,
    input_gradient_sides,
    kernel_gradient_size,
    spread_upstream,
    totals,
    turned_kernel,
)
from analytic.calculus.notation import product as times
from analytic.calculus.notation import total
from analytic.calculus.plane import Plane

x, y, z = map(Symbol, "xyz")


def lines() -> Iterator[Geometry]:
    """Every row of up to 6 pixels, kernels up to 4, strides up to 3, padding and dilation to 2."""
    sizes = (range(1, 7), range(1, 5), range(1, 4), range(3), range(3), range(1, 3))
    for h, k, s, before, after, d in product(*sizes):
        try:
            yield Geometry(
                (h, 1), (k, 1), stride=(s, 1), padding=((before, after), 0), dilation=(d, 1)
            )
        except GeometryError:
            continue


def test_every_closed_form_holds_on_every_small_axis() -> None:
    number = 0
    for geometry in lines():
        assert derive(geometry).holds, geometry
        number += 1
    assert number == 1077


@pytest.mark.parametrize(
    "geometry",
    [
        Geometry((5, 4), (2, 3), stride=(2, 3), padding=(2, 0, 1, 2), dilation=(1, 2)),
        Geometry(3, 2, batch=2, in_channels=4, out_channels=6, groups=2, bias=True),
        Geometry(4, (3, 1), stride=3, padding=1, in_channels=3, out_channels=3, groups=3),
    ],
    ids=["one plane", "grouped", "depthwise"],
)
def test_every_closed_form_holds_on_planes_and_channels(geometry: Geometry) -> None:
    assert derive(geometry).holds


def test_a_claim_is_refuted_by_one_wrong_element() -> None:
    derivation = derive(Geometry((2, 3), (1, 2)))
    right = derivation.gradient_input.elements
    assert check(right, right).holds
    assert not check({**right, (0, 0, 1, 1): right[0, 0, 0, 1]}, right).holds
    assert not check(dict(list(right.items())[1:]), right).holds


def test_the_kernel_must_be_flipped() -> None:
    derivation = derive(Geometry(4, 2))
    unflipped = {
        index: total(
            times(derivation.G[0, 0, i, j], derivation.K[0, 0, 1 - a, 1 - b])
            for (i, j), (a, b) in derivation.geometry.participation(*index[2:])
        )
        for index in derivation.X
    }
    assert not check(unflipped, derivation.gradient_input.elements).holds


def test_equal_compares_polynomials_not_their_spelling() -> None:
    assert equal(total([x, y]), total([y, x]))
    assert equal(x * (y + z), total([times(x, z), times(x, y)]))
    assert equal(S.Zero, S.Zero)
    assert not equal(total([x, x, y]), total([x, y, y]))
    assert equal(total([x, x, y]), 2 * x + y)
    assert not equal(x, S.Zero)


def test_the_forward_pass_from_planes_is_the_definition() -> None:
    geometry = Geometry((4, 5), (2, 1), stride=2, padding=(1, 0, 0, 2), dilation=(2, 1))
    derivation = derive(geometry)
    assert check(totals(forward(geometry, derivation.X, derivation.K)), derivation.output).holds


def test_sides_of_the_full_convolution() -> None:
    assert input_gradient_sides(Geometry((2, 3), (1, 2))) == (0, 0, 1, 1)
    # Cropped at the top, where all is padding; lengthened at the bottom by the remainder.
    assert input_gradient_sides(Geometry(4, 1, padding=(2, 0, 0, 0), stride=(3, 1))) == (
        -2,
        2,
        0,
        0,
    )


def test_stops_beyond_the_kernel_come_of_the_remainder() -> None:
    assert kernel_gradient_size(Geometry(5, 2, stride=2)) == (3, 3)
    assert kernel_gradient_size(Geometry(4, 2, stride=2)) == (2, 2)


def test_made_ready_and_flipped_are_what_slides_in_the_input_gradient() -> None:
    geometry = Geometry(3, 2, stride=2, padding=1)
    derivation = derive(geometry)
    size = spread_upstream(geometry, Plane.of(derivation.G, 0, 0)).size
    turned = turned_kernel(geometry, Plane.of(derivation.K, 0, 0))
    assert (size[0] - turned.size[0] + 1, size[1] - turned.size[1] + 1) == geometry.input
    assert turned.grid()[0][0] is derivation.K[0, 0, 1, 1]
    claim = input_gradient(geometry, derivation.G, derivation.K)
    assert check(claim, derivation.gradient_input.elements).holds
