from __future__ import annotations

from math import prod

import pytest
from torch.nn.functional import conv2d

from conv_reference.geometry import Geometry
from conv_reference.verification.checks import Reported, Sample, all_checks, all_rows
from conv_reference.verification.target.conventions import as_target

SMALL = Geometry.parse("h2 w3 k1x2")


def test_one_check_has_a_row_for_each_quantity_and_the_reports_order_rests_on_it() -> None:
    (bulk,) = (check for check in all_checks().values() if check.sample == Sample.ALL)
    numbers = {row.quantity: row.name for row in bulk.rows if row.reported == Reported.NUMBER}

    assert numbers == {
        "Y": "forward",
        "dX": "grad_input",
        "dK": "grad_weight",
        "db": "grad_bias",
    }
    assert [name for name, row in all_rows().items() if row.is_first] == [
        "shapes",
        *numbers.values(),
    ]


@pytest.mark.parametrize(
    ("check", "quantity", "geometry", "row"),
    [
        ("certificate", "dK", SMALL, "grad_weight"),
        ("certificate", "", SMALL, "shapes"),
        ("precision", "dX", SMALL, "precision_grad_input"),
        ("degenerate", "Y", Geometry.parse("n0 c2 h4 w5 o3 k2x3"), "empty_batch"),
        ("degenerate", "Y", SMALL, "empty_batch"),
        ("memory", "dX", SMALL, "untouched_arguments"),
    ],
)
def test_what_a_check_threw_is_reported_by_the_row_that_it_was_about(
    check: str, quantity: str, geometry: Geometry, row: str
) -> None:
    assert all_checks()[check].row_for(quantity, geometry).name == row


def test_checks_about_threads_are_put_on_all_of_them() -> None:
    parallel = {name for name, check in all_checks().items() if check.parallel}
    assert parallel == {"threads", "repetition", "fresh_values", "global_state", "settings"}


def test_rows_own_sizes_stay_small_in_whatever_domain() -> None:
    """Where height and width must agree, 65,543 pixels in a row would take 34 GB as a plane."""
    square = as_target(conv2d).within("h == w and kh == kw")
    rows = [row for each in all_checks().values() for row in each.rows if row.own]
    asked = {row.name: row.asked_of(square) for row in rows}

    assert max(prod(g.input_shape) for those in asked.values() for g in those) < 200_000
    assert [str(g) for g in asked["large_plane"]] == [
        "n1 c1 h258 w258 o1 k2x2 s1 p1 d1 g1",
        "n1 c2 h257 w257 o2 k1x1 s1 p0 d1 g1",
        "n1 c2 h257 w257 o2 k1x1 s2 p0 d1 g1",
    ]
