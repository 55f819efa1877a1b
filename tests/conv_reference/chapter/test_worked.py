"""Exercise 3 by hand: every row, case and sentence of the chapter's geometry."""

from __future__ import annotations

from dataclasses import replace

from conv_reference.chapter.worked import Worked, work


def test_the_jacobians_have_the_names_of_their_rows_and_columns() -> None:
    worked = work()

    assert worked.outputs[0] == "Y_{00} = K_{00} X_{00} + K_{01} X_{01}"
    assert worked.by_kernel.columns == ("K_{00}", "K_{01}")
    assert worked.by_kernel.rows[3] == ("Y_{11}", ("X_{11}", "X_{12}"))
    assert worked.by_input.columns == ("X_{00}", "X_{01}", "X_{02}", "X_{10}", "X_{11}", "X_{12}")
    assert worked.by_input.rows[1] == ("Y_{01}", ("0", "K_{00}", "K_{01}", "0", "0", "0"))


def test_a_pixel_in_the_middle_is_seen_twice() -> None:
    worked = work()

    assert worked.counts == ((1, 2, 1), (1, 2, 1))
    assert [(count, [one.name for one in seen]) for count, seen in worked.cases] == [
        (1, ["X_{00}", "X_{02}", "X_{10}", "X_{12}"]),
        (2, ["X_{01}", "X_{11}"]),
    ]
    middle = worked.seen[0, 1]
    assert middle.names == (("Y_{00}", "K_{01}"), ("Y_{01}", "K_{00}"))
    assert middle.equation.endswith("= G_{00} K_{01} + G_{01} K_{00}")


def test_the_flipped_kernel_slides_over_the_padded_upstream_gradient() -> None:
    sliding = work().sliding

    assert sliding.padded == (("0", "G_{00}", "G_{01}", "0"), ("0", "G_{10}", "G_{11}", "0"))
    assert sliding.flipped == (("K_{01}", "K_{00}"),)
    assert [frame.name for frame in sliding.frames] == [
        *("X_{00}", "X_{01}", "X_{02}"),
        *("X_{10}", "X_{11}", "X_{12}"),
    ]
    first = sliding.frames[0].equation.partition(" = ")[2]
    assert first == r"0 \cdot K_{01} + G_{00} K_{00} = G_{00} K_{00}"
    assert sliding.frames[4].equation.endswith("= G_{10} K_{01} + G_{11} K_{00}")


def test_a_picture_that_shows_another_sum_does_not_hold() -> None:
    worked = work()
    assert worked.holds

    frames = worked.sliding.frames
    wrong = replace(frames[0], value=frames[1].value)
    other = Worked(worked.derivation)
    vars(other)["sliding"] = replace(worked.sliding, frames=(wrong, *frames[1:]))
    assert not other.holds
