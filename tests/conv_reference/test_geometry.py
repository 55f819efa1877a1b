from __future__ import annotations

import re
from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest
import torch
from hypothesis import given

from conv_reference.geometry import Geometry, geometry_of
from conv_reference.strategies import geometries

FULL = Geometry.parse("n2 c4 h8 w9 o6 k3x2 s2x1 p1x0 d1 g2")


@given(geometries())
def test_the_text_form_parses_back(geometry: Geometry) -> None:
    assert Geometry.parse(str(geometry)) == geometry


@given(geometries(symmetric=True))
def test_the_sizes_are_those_of_torch(geometry: Geometry) -> None:
    (top, _), (left, _) = geometry.padding
    options: dict[str, Any] = {
        "stride": geometry.stride,
        "padding": (top, left),
        "dilation": geometry.dilation,
        "groups": geometry.groups,
    }
    input = torch.empty(geometry.input_shape, device="meta")
    weight = torch.empty(geometry.weight_shape, device="meta")

    assert torch.nn.functional.conv2d(input, weight, **options).shape == geometry.output_shape
    assert geometry_of(input.shape, weight.shape, **options) == geometry


@given(geometries())
def test_output_and_remainder_account_for_the_whole_padded_input(geometry: Geometry) -> None:
    for axis in (0, 1):
        reach = (geometry.output_size[axis] - 1) * geometry.stride[axis] + geometry.span[axis]
        assert reach + geometry.remainder[axis] == geometry.padded_size[axis]
        assert 0 <= geometry.remainder[axis] < geometry.stride[axis]


def test_the_text_form_is_free_in_its_order_and_has_defaults() -> None:
    assert Geometry.parse("k1x2 w3 h2") == Geometry(input_size=(2, 3), kernel_size=(1, 2))
    assert str(Geometry.parse("k1x2 w3 h2")) == "n1 c1 h2 w3 o1 k1x2 s1 p0 d1 g1"


@pytest.mark.parametrize("padding", ["p1", "p1x0", "p1:2", "p1:2x0", "p0x1:2", "p1:2x3:4"])
def test_padding_may_differ_between_sides(padding: str) -> None:
    assert padding in str(Geometry.parse(f"h5 w5 k2 {padding}")).split()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the geometry '' lacks h, w, k; accepted is a form like 'n2 c4"),
        ("h2 w3", "the geometry 'h2 w3' lacks k; accepted"),
        ("h2 w3 k1 z4", "not a part of a geometry: 'z4'; accepted"),
        ("h2 w3 k-1", "not a part of a geometry: 'k-1'; accepted"),
        ("h2 w3 k1x2x3", "not a part of a geometry: 'k1x2x3'; accepted"),
        ("h2 w3 k1:2", "not a part of a geometry: 'k1:2'; accepted"),
        ("h2 w3 k1 h2", "'h' occurs twice in the geometry 'h2 w3 k1 h2'"),
        ("h2x3 w3 k1", "not a single size: '2x3' in the geometry 'h2x3 w3 k1'"),
        ("h2 w3 k١", "not a part of a geometry: 'k١'; accepted"),
    ],
)
def test_a_text_that_is_no_geometry_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        Geometry.parse(text)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch": -1}, "batch must be at least 0, got -1"),
        ({"in_channels": 0}, "in_channels must be at least 1, got 0"),
        ({"groups": 0}, "groups must be at least 1, got 0"),
        ({"input_size": (0, 3)}, "input_size must be at least 1, got (0, 3)"),
        ({"kernel_size": (1, 0)}, "kernel_size must be at least 1, got (1, 0)"),
        ({"stride": (0, 1)}, "stride must be at least 1, got (0, 1)"),
        ({"dilation": (1, 0)}, "dilation must be at least 1, got (1, 0)"),
        (
            {"padding": ((0, -1), (0, 0))},
            "padding must be at least 0, got ((0, -1), (0, 0))",
        ),
        (
            {"in_channels": 5},
            "in_channels must be a multiple of groups, got in_channels=5 and groups=2",
        ),
        (
            {"out_channels": 5},
            "out_channels must be a multiple of groups, got out_channels=5 and groups=2",
        ),
        (
            {"kernel_size": (11, 1)},
            "the kernel must fit into the padded input, got a dilated kernel of height 11 "
            "and a padded input of height 10",
        ),
        (
            {"dilation": (1, 9)},
            "the kernel must fit into the padded input, got a dilated kernel of width 10 "
            "and a padded input of width 9",
        ),
    ],
    ids=lambda value: str(value)[:40],
)
def test_sizes_of_no_convolution_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        replace(FULL, **changes)


def test_a_geometry_does_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        FULL.batch = 3  # type: ignore[misc]  # frozen: that is the test


def test_an_empty_batch_is_a_convolution() -> None:
    assert Geometry.parse("n0 h2 w3 k1x2").output_shape == (0, 1, 2, 2)


@pytest.mark.parametrize(
    ("kernel", "dilation", "padding"),
    [
        ((3, 3), 1, ((1, 1), (1, 1))),
        ((2, 4), 1, ((0, 1), (1, 2))),
        ((1, 1), 1, ((0, 0), (0, 0))),
        ((2, 3), (3, 2), ((1, 2), (2, 2))),
    ],
)
def test_same_keeps_the_size_with_the_odd_element_below_and_to_the_right(
    kernel: tuple[int, int], dilation: Any, padding: Any
) -> None:
    geometry = geometry_of((1, 1, 7, 7), (1, 1, *kernel), padding="same", dilation=dilation)

    assert geometry.padding == padding
    assert geometry.output_size == (7, 7)


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        (((1, 1, 3), (1, 1, 2, 2)), {}, ValueError, "input must have four dimensions"),
        (((1, 1, 3, 3), (2, 2)), {}, ValueError, "weight must have four dimensions"),
        (
            ((1, 3, 3, 3), (2, 2, 2, 2)),
            {},
            ValueError,
            "the input's channels must be groups times the kernel's, got 3 and groups=1 times 2",
        ),
        (((1, 1, 3, 3), (1, 1, 2, 2)), {"groups": 0}, ValueError, "groups must be at least 1"),
        (
            ((1, 1, 3, 3), (1, 1, 2, 2)),
            {"padding": "same", "stride": 2},
            ValueError,
            "padding='same' needs stride 1, got stride=(2, 2)",
        ),
        (
            ((1, 1, 3, 3), (1, 1, 2, 2)),
            {"stride": (1, 1, 1)},
            TypeError,
            "stride must be an integer or a pair of integers, got (1, 1, 1)",
        ),
    ],
    ids=["input", "weight", "channels", "groups", "same", "stride"],
)
def test_arguments_that_do_not_fit_are_refused(
    arguments: Any, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=f"^{re.escape(message)}"):
        geometry_of(*arguments, **options)
