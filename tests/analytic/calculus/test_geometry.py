from __future__ import annotations

from typing import Any

import pytest

from analytic import Geometry, GeometryError
from analytic.calculus.axis import Axis

WRONG: list[tuple[dict[str, Any], str]] = [
    ({"input": 0}, "input must be a whole number, 1 or more, not 0"),
    ({"input": (2, -3)}, "input must be a whole number, 1 or more, not -3"),
    ({"kernel": (1, 2, 3)}, "kernel must be one number or two (rows, columns), not 3: (1, 2, 3)"),
    ({"kernel": 1.0}, "kernel must be a whole number, 1 or more, not 1.0"),
    ({"stride": 0}, "stride must be a whole number, 1 or more, not 0"),
    ({"stride": True}, "stride must be a whole number, 1 or more, not True"),
    ({"padding": -1}, "padding must be a whole number, 0 or more, not -1"),
    (
        {"padding": (1, 2, 3)},
        "padding must be one number, two (rows, columns) or four (top, bottom, left, right), "
        "not 3: (1, 2, 3)",
    ),
    ({"dilation": "2"}, "dilation must be a whole number, 1 or more, not '2'"),
    ({"batch": 0}, "batch must be a whole number, 1 or more, not 0"),
    (
        {"in_channels": 3, "out_channels": 2, "groups": 2},
        "in_channels must be a multiple of groups: in_channels is 3 and groups is 2",
    ),
    (
        {"in_channels": 2, "out_channels": 3, "groups": 2},
        "out_channels must be a multiple of groups: out_channels is 3 and groups is 2",
    ),
    (
        {"kernel": (3, 2), "dilation": (3, 1), "padding": (1, 0)},
        "the kernel must fit into the padded input, but its rows reach over 7 (kernel 3, "
        "dilation 3) and the padded input has 6 (input 4, padding 1 and 1)",
    ),
    (
        {"kernel": (1, 6)},
        "the kernel must fit into the padded input, but its columns reach over 6 (kernel 6, "
        "dilation 1) and the padded input has 5 (input 5, padding 0 and 0)",
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
        padding=(1, 0, 2, 4),
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
    assert geometry.padding == (1, 0, 2, 4)
    assert geometry.output == (3, 5)
    assert geometry.remainder == (0, 0)
    assert (geometry.group_inputs, geometry.group_outputs) == (2, 3)
    assert [geometry.input_channel(o, 1) for o in range(6)] == [1, 1, 1, 3, 3, 3]


def test_two_numbers_of_padding_are_rows_and_columns() -> None:
    assert Geometry(5, 2, padding=(1, 2)).padding == (1, 1, 2, 2)


def test_participation_pairs_rows_with_columns() -> None:
    assert Geometry((3, 3), (2, 2)).participation(1, 0) == (
        ((0, 0), (1, 0)),
        ((1, 0), (0, 0)),
    )
