from __future__ import annotations

from dataclasses import replace

import pytest
from made_reports import MAPPED, finding

from conv_reference.verification.model.difference import Axis, Difference, Sheet
from conv_reference.verification.report._map import maps, where


def of(*axes: tuple[str, int, tuple[int, ...]], differing: int) -> Difference:
    return Difference("dX", "h9 w9 k1", "contiguous", tuple(Axis(*a) for a in axes), differing, ())


@pytest.mark.parametrize(
    ("axes", "differing", "said"),
    [
        ([("row", 3, (0, 1, 2))], 3, "3 of 3 elements of dX differ."),
        ([("row", 1, (0,))], 1, "the only element of dX differs."),
        ([("row", 3, (2,))], 1, "1 of 3 elements of dX differs: in the last row (2) alone."),
        ([("row", 3, (0, 1, 2))], 2, "2 of 3 elements of dX differ: in every part of it."),
        ([("row", 3, (2,))], 1, "in the last row (2) alone."),
        ([("row", 3, (0,))], 1, "in the first row (0) alone."),
        ([("row", 3, (1,))], 1, "in row 1 of 0 to 2 alone."),
        ([("row", 9, (3, 4, 5))], 3, "in rows 3 to 5 of 0 to 8 alone, each element there."),
        ([("row", 9, (1, 3, 5))], 3, "in every second row from 1 to 5 of 0 to 8 alone, each"),
        ([("row", 9, (0, 1, 5))], 3, "in rows 0, 1, 5 of 0 to 8 alone, each element there."),
        ([("row", 19, (0, 1, 2, 5, 6, 7, 9))], 7, "in 7 of 19 rows alone, each element there."),
        (
            [("sample", 2, (0, 1)), ("channel", 4, (3,)), ("row", 9, (0, 8))],
            3,
            "in the last channel (3), rows 0, 8 of 0 to 8 alone, 3 of the 4 there.",
        ),
    ],
)  # fmt: skip
def test_it_is_said_where_the_differences_lie(
    axes: list[tuple[str, int, tuple[int, ...]]], differing: int, said: str
) -> None:
    assert said in where(of(*axes, differing=differing))


def test_neighbours_of_one_level_are_one_rectangle() -> None:
    difference = replace(MAPPED, sheets=(Sheet("dX", ("0440", "n004")),))
    (drawn,) = maps(finding(differences=(difference,)))[0].sheets

    assert drawn.paths == (
        ("level4", "M1 0h2v1h-2zM3 1h1v1h-1z"),
        ("no-number", "M0 1h1v1h-1z"),
    )
    assert (drawn.columns, drawn.rows) == (4, 2)
    assert drawn.spoken == "dX: 4 of 8 elements differ"


def test_bits_are_drawn_where_precision_is_lost_and_not_where_a_number_is_another() -> None:
    lost = replace(MAPPED, bits=((9, 10), (11, 40)), expected_bits=24)
    (drawn,) = maps(finding(differences=(lost,)))
    (other,) = maps(finding(differences=(replace(lost, bits=((0, 1), (11, 40))),)))

    assert drawn.chart is not None
    assert other.chart is None
    assert [bar.height for bar in drawn.chart.bars] == [14, 56]
    assert drawn.chart.spoken == (
        "The 50 elements that differ, by the bits that are right, of 24 that the dtype has: "
        "10 elements with 9 bits; 40 elements with 11 bits"
    )


def test_the_case_of_the_finding_is_told_from_a_larger_one() -> None:
    own = replace(MAPPED, geometry=finding().geometry)
    titles = [drawn.title for drawn in maps(finding(differences=(own, MAPPED)))]

    assert titles == [f"On this case, {own.geometry}", f"On a larger case, {MAPPED.geometry}"]
