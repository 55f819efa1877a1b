from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytic import Geometry, NameClashError, Names, derive
from analytic.calculus.closed_form import equal
from analytic.theorem import instantiate
from analytic.theorem.enumeration import agrees, axes


def test_on_every_axis_the_theorem_is_what_differentiation_gives() -> None:
    number = 0
    for geometry in axes(input=6, kernel=4, stride=3, padding=2, dilation=2):
        assert agrees(geometry), geometry
        number += 1
    assert number == 1077


@st.composite
def planes(draw: st.DrawFn) -> Geometry:
    def pair(least: int, most: int) -> tuple[int, int]:
        return draw(st.integers(least, most)), draw(st.integers(least, most))

    groups = draw(st.integers(1, 2))
    kernel, dilation, padding = pair(1, 3), pair(1, 2), pair(0, 1)
    room = pair(0, 2)
    height, width = (
        max(1, d * (k - 1) + 1 + r - 2 * p)
        for k, d, p, r in zip(kernel, dilation, padding, room, strict=True)
    )
    return Geometry(
        (height, width),
        kernel,
        stride=pair(1, 3),
        padding=padding,
        dilation=dilation,
        batch=draw(st.integers(1, 2)),
        in_channels=groups * draw(st.integers(1, 2)),
        out_channels=groups * draw(st.integers(1, 2)),
        groups=groups,
    )


@settings(max_examples=40)
@given(planes())
def test_on_planes_and_channels_the_theorem_is_what_differentiation_gives(
    geometry: Geometry,
) -> None:
    derivation = derive(geometry)
    instance = instantiate(geometry)
    assert instance.jacobian_kernel == derivation.jacobian_kernel
    assert instance.jacobian_input == derivation.jacobian_input
    gradient = derivation.gradient_input.elements
    assert instance.gradient_input.keys() == gradient.keys()
    assert all(equal(instance.gradient_input[pixel], gradient[pixel]) for pixel in gradient)


def test_an_instance_takes_the_letters_that_are_chosen() -> None:
    names = Names(kernel="Q", all_indices=True)
    entries = instantiate(Geometry(1, 1), names=names).jacobian_input.entries
    assert [str(entry) for entry in entries.values()] == ["Q_{0,0,0,0}"]


def test_letters_of_the_theorem_are_refused() -> None:
    with pytest.raises(NameClashError, match=r": 'k'$"):
        instantiate(Geometry(1, 1), names=Names(kernel="k"))
