from __future__ import annotations

import pytest

from conv_reference.chapter.equations import aligned, displayed, pieces


@pytest.mark.parametrize(
    ("latex", "expected"),
    [
        ("a = b + c", ["a", "= b", "+ c"]),
        (r"\frac{a + b}{c = d} = e", [r"\frac{a + b}{c = d}", "= e"]),
        (r"x = \left( a - (b \cdot c)^2 \right)", ["x", r"= \left( a - (b \cdot c)^2 \right)"]),
        (
            r"\left| 1 - x \right| < 1 \iff y",
            [r"\left| 1 - x \right|", "< 1", r"\iff y"],
        ),
        (r"K_{p,\, q} \; G_{u,\; v}", [r"K_{p,\, q}", r"\; G_{u,\; v}"]),
    ],
)
def test_a_formula_breaks_before_its_signs_and_in_no_bracket(
    latex: str, expected: list[str]
) -> None:
    found = pieces(latex)

    assert " ".join(found) == latex
    assert found == expected


def test_a_sign_of_two_sides_has_its_space_and_that_of_a_number_none() -> None:
    sides = displayed("a = -1")
    assert "<mrow /><mo>&#x0003D;</mo><mrow><mo>&#x02212;</mo><mn>1</mn></mrow>" in sides
    assert "<wbr>" in sides


def test_equations_have_a_left_side_each() -> None:
    below = aligned(["a = b", "c = d + e"])

    assert below.count("<div><math") == 4
    assert below.count("<wbr>") == 1
    assert below.startswith('<div class="equations" dir="ltr" tabindex="0">')
