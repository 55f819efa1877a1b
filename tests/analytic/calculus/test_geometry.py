from __future__ import annotations

from typing import Any

import pytest

from analytic import Geometry, GeometryError
from analytic.calculus.axis import Axis

WRONG: list[tuple[dict[str, Any], str]] = [
    ({"input": 0}, "input must be at least 1, got 0"),
    ({"input": (2, -3)}, "input must be at least 1, got (2, -3)"),
    ({"kernel": (1, 2, 3)}, "kernel must be an integer or a pair of integers, got (1, 2, 3)"),
    ({"kernel": 1.0}, "kernel must be an integer, got 1.0"),
    ({"stride": 0}, "stride must be at least 1, got 0"),
    ({"stride": True}, "stride must be an integer, got True"),
    ({"padding": -1}, "padding must be at least 0, got -1"),
    ({"padding": ((0, -1), 1)}, "padding must be at least 0, got ((0, -1), 1)"),
    (
        {"padding": (1, 2, 3)},
        "padding must be an integer, a pair of integers or ((top, bottom), (left, right)), "
        "got (1, 2, 3)",
    ),
    ({"padding": "full"}, "padding must be integers, 'same' or 'valid', got 'full'"),
    (
        {"padding": "same", "stride": (1, 2)},
        "padding='same' needs stride 1, got stride=(1, 2)",
    ),
    ({"dilation": "2"}, "dilation must be an integer, got '2'"),
    ({"batch": 0}, "batch must be at least 1, got 0"),
    (
        {"in_channels": 3, "out_channels": 2, "groups": 2},
        "in_channels must be a multiple of groups, got in_channels=3 and groups=2",
    ),
    (
        {"in_channels": 2, "out_channels": 3, "groups": 2},
        "out_channels must be a multiple of groups, got out_channels=3 and groups=2",
    ),
    (
        {"kernel": (3, 2), "dilation": (3, 1), "padding": (1, 0)},
        "the kernel must fit into the padded input, got a dilated kernel of height 7 and a padded "
        "input of height 6 (kernel 3, dilation 3; input 4, padding 1:1)",
    ),
    (
        {"kernel": (1, 6)},
        "the kernel must fit into the padded input, got a dilated kernel of width 6 and a padded "
        "input of width 5 (kernel 6, dilation 1; input 5, padding 0:0)",
    ),
]


@pytest.mark.parametrize(("sizes", "message"), WRONG, ids=[str(sizes) for sizes, _ in WRONG])
def test_a_geometry_that_cannot_be_is_refused_in_one_line(
    sizes: dict[str, Any], message: str
) -> None:
    with pytest.raises(GeometryError) as caught:
        Geometry(**{"input": (4, 5), "kernel": (1, 2), **sizes})
    assert str(caught.value) == message


def test_sizes_are_those_of_rows_and_columns() -> None:
    geometry = Geometry(
        (7, 9),
        (2, 3),
        stride=(2, 3),
        padding=((1, 0), (2, 4)),
        dilation=(3, 1),
        batch=2,
        in_channels=4,
        out_channels=6,
        groups=2,
        bias=True,
    )
    assert geometry.rows == Axis(7, 2, 2, 1, 0, 3)
    assert geometry.columns == Axis(9, 3, 3, 2, 4, 1)
    assert geometry.input == (7, 9)
    assert geometry.kernel == (2, 3)
    assert geometry.stride == (2, 3)
    assert geometry.dilation == (3, 1)
    assert geometry.padding == ((1, 0), (2, 4))
    assert geometry.sides == (1, 0, 2, 4)
    assert geometry.output == (3, 5)
    assert geometry.remainder == (0, 0)
    assert (geometry.group_inputs, geometry.group_outputs) == (2, 3)
    assert [geometry.input_channel(o, 1) for o in range(6)] == [1, 1, 1, 3, 3, 3]


@pytest.mark.parametrize(
    ("given", "padding"),
    [
        (1, ((1, 1), (1, 1))),
        ((1, 2), ((1, 1), (2, 2))),
        ((1, (0, 2)), ((1, 1), (0, 2))),
        (((1, 0), (2, 4)), ((1, 0), (2, 4))),
        ((1, 0, 2, 4), ((1, 0), (2, 4))),
        ("valid", ((0, 0), (0, 0))),
    ],
    ids=str,
)
def test_padding_is_given_for_all_sides_for_both_axes_or_for_each_side(
    given: Any, padding: tuple[tuple[int, int], tuple[int, int]]
) -> None:
    assert Geometry(5, 2, padding=given).padding == padding


@pytest.mark.parametrize("kernel", [1, 2, (3, 4)])
@pytest.mark.parametrize("dilation", [1, 2])
def test_padding_same_keeps_the_size_of_the_input(kernel: Any, dilation: int) -> None:
    geometry = Geometry((5, 6), kernel, dilation=dilation, padding="same")
    assert geometry.output == (5, 6)
    assert all(0 <= after - before <= 1 for before, after in geometry.padding)


def test_participation_pairs_rows_with_columns() -> None:
    assert Geometry((3, 3), (2, 2)).participation(1, 0) == (
        ((0, 0), (1, 0)),
        ((1, 0), (0, 0)),
    )
