"""The data of a derivation: elements, cases, and whether every claim holds."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from analytic import Geometry, Names
from analytic.calculus.closed_form import ClosedForm
from analytic.calculus.gradients import Case, Gradients, cases
from analytic.calculus.notation import Elements


def derive(geometry: Geometry, *, names: Names | None = None) -> Gradients:
    return Gradients.of(geometry, names or Names())


CHAPTER = derive(Geometry((2, 3), (1, 2)))


def written(elements: Elements) -> dict[str, str]:
    return {"".join(map(str, index[2:])): str(e) for index, e in elements.items()}


def test_the_exercise_of_the_chapter() -> None:
    """Worked out by hand."""
    assert written(CHAPTER.gradient_kernel.elements) == {
        "00": "G_{0,0}*X_{0,0} + G_{0,1}*X_{0,1} + G_{1,0}*X_{1,0} + G_{1,1}*X_{1,1}",
        "01": "G_{0,0}*X_{0,1} + G_{0,1}*X_{0,2} + G_{1,0}*X_{1,1} + G_{1,1}*X_{1,2}",
    }
    assert written(CHAPTER.gradient_input.elements) == {
        "00": "G_{0,0}*K_{0,0}",
        "01": "G_{0,0}*K_{0,1} + G_{0,1}*K_{0,0}",
        "02": "G_{0,1}*K_{0,1}",
        "10": "G_{1,0}*K_{0,0}",
        "11": "G_{1,0}*K_{0,1} + G_{1,1}*K_{0,0}",
        "12": "G_{1,1}*K_{0,1}",
    }
    assert CHAPTER.cases == (
        Case(1, ((0, 0), (0, 2), (1, 0), (1, 2))),
        Case(2, ((0, 1), (1, 1))),
    )
    assert CHAPTER.holds


def test_the_jacobians_of_the_chapter() -> None:
    by_kernel = CHAPTER.jacobian_kernel.matrix
    assert [str(entry) for entry in by_kernel[3, :]] == ["X_{1,1}", "X_{1,2}"]
    by_input = CHAPTER.jacobian_input.matrix
    assert [str(entry) for entry in by_input[1, :]] == ["0", "K_{0,0}", "K_{0,1}", "0", "0", "0"]


@pytest.mark.parametrize(
    ("geometry", "counts"),
    [
        # A stride of 3 skips pixels, and the last one is in the remainder.
        (
            Geometry((1, 6), (1, 2), stride=(1, 3)),
            {0: [(0, 2), (0, 5)], 1: [(0, 0), (0, 1), (0, 3), (0, 4)]},
        ),
        (
            Geometry(3, 2),
            {1: [(0, 0), (0, 2), (2, 0), (2, 2)], 2: [(0, 1), (1, 0), (1, 2), (2, 1)], 4: [(1, 1)]},
        ),
        # Dilation steps over the pixel in the middle.
        (Geometry((1, 3), (1, 2), dilation=2), {0: [(0, 1)], 1: [(0, 0), (0, 2)]}),
        (Geometry((2, 1), (2, 1), padding=(1, 0)), {2: [(0, 0), (1, 0)]}),
    ],
    ids=["stride", "corners and edges", "dilation", "padding"],
)
def test_cases_split_the_pixels_by_participation(
    geometry: Geometry, counts: dict[int, list[tuple[int, int]]]
) -> None:
    assert {case.count: list(case.pixels) for case in cases(geometry)} == counts


@pytest.mark.parametrize(
    "geometry",
    [Geometry(5, 3, stride=2, padding=1), Geometry(6, 2, stride=(3, 1), dilation=(1, 2))],
    ids=["padded", "dilated"],
)
def test_a_pixels_case_is_the_number_of_entries_in_its_column(geometry: Geometry) -> None:
    derivation = derive(geometry)
    pixels = [pixel for case in derivation.cases for pixel in case.pixels]
    assert sorted(pixels) == sorted(index[2:] for index in derivation.X)
    for case in derivation.cases:
        for pixel in case.pixels:
            assert len(derivation.jacobian_input.columns[0, 0, *pixel]) == case.count


def test_without_a_bias_there_is_nothing_of_it() -> None:
    assert CHAPTER.b is None
    assert CHAPTER.jacobian_bias is None
    assert CHAPTER.gradient_bias is None
    assert CHAPTER.second_order.bias_upstream is None


def test_the_bias_gradient_is_the_sum_of_its_channel() -> None:
    derivation = derive(Geometry((1, 2), 1, batch=2, out_channels=2, bias=True))
    assert derivation.gradient_bias is not None
    assert str(derivation.gradient_bias.elements[1,]) == (
        "G_{0,1,0,0} + G_{0,1,0,1} + G_{1,1,0,0} + G_{1,1,0,1}"
    )


def test_the_letters_can_be_chosen() -> None:
    derivation = derive(Geometry(2, 1), names=Names(input="I", kernel="F", upstream="D"))
    assert str(derivation.gradient_input.elements[0, 0, 1, 0]) == "D_{1,0}*F_{0,0}"


@pytest.mark.parametrize("name", ["gradient_kernel", "gradient_input"])
def test_a_derivation_with_a_refuted_claim_does_not_hold(name: str) -> None:
    gradient = getattr(CHAPTER, name)
    refuted = dataclasses.replace(
        gradient, closed_form=ClosedForm(gradient.closed_form.elements, holds=False)
    )
    assert not dataclasses.replace(CHAPTER, **{name: refuted}).holds


@pytest.mark.parametrize("name", ["upstream_form", "input_form", "kernel_form"])
def test_nor_does_one_whose_second_order_is_refuted(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = CHAPTER.second_order
    refuted: Any = ClosedForm(getattr(second, name).elements, holds=False)
    monkeypatch.setitem(
        vars(CHAPTER), "second_order", dataclasses.replace(second, **{name: refuted})
    )
    assert not CHAPTER.holds
