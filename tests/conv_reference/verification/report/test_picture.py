from __future__ import annotations

from dataclasses import replace

from made_reports import PICTURE, finding, pictured

from conv_reference.verification.model.picture import Part, Picture, Plane, Term
from conv_reference.verification.report import json
from conv_reference.verification.report._picture import Drawn, scene

INDEX = (0, 0, 0, 1)


def lit(drawn: Drawn) -> list[str]:
    return [cell.lit for cell in drawn.cells]


def test_what_the_element_is_made_of_is_lit_and_what_it_lacks_apart() -> None:
    G, K = scene(PICTURE, INDEX).operands

    assert lit(G) == ["lacking", "read"]
    assert lit(K) == ["read", "lacking"]
    assert [cell.products for cell in (*G.cells, *K.cells)] == ["1", "2", "2", "1"]


def test_what_should_be_and_what_is_stand_beside_each_other_with_the_element_marked() -> None:
    should, actual = scene(PICTURE, INDEX).results

    assert (should.caption, actual.caption) == ("dX should be", "dX is")
    assert lit(should) == lit(actual) == ["", "own", ""]
    assert [cell.text for cell in actual.cells] == ["3", "6", "14"]


def test_further_wrong_elements_are_marked_otherwise() -> None:
    actual = replace(PICTURE.actual, numbers=(("0", "6", "14"),))
    drawn = scene(replace(PICTURE, actual=actual), INDEX)

    assert lit(drawn.results[1]) == ["off", "own", ""]
    assert ("off", "wrong, too") in drawn.legend


def test_what_is_too_much_is_told_by_its_number() -> None:
    added = Term((("G", (0, 0, 0, 1)), ("K", (0, 0, 0, 1))), Part.ADDED)
    drawn = scene(replace(PICTURE, terms=(*PICTURE.terms, added)), INDEX)

    assert drawn.products.endswith(" Lacking: 1. Too much: 3.")
    assert [cell.products for cell in drawn.operands[1].cells] == ["2", "1,3"]


def test_only_what_occurs_is_in_the_legend() -> None:
    assert [lit for lit, _ in scene(PICTURE, INDEX).legend] == ["read", "lacking", "own"]


def test_another_plane_of_the_same_tensor_is_not_lit() -> None:
    other = replace(PICTURE.operands[1], leading=(0, 1), label="K[0,1]")
    drawn = scene(replace(PICTURE, operands=(other,)), INDEX)

    assert lit(drawn.operands[0]) == ["", ""]


def test_what_has_one_dimension_is_one_row() -> None:
    side = Plane("db", "db", (), (("1", "2"),))
    terms = (Term((("G", (0, 1, 0, 0)),), Part.SHOULD),)
    drawn = scene(Picture((Plane("G", "G[0,1]", (0, 1), (("5",),)),), side, side, terms), (1,))

    assert lit(drawn.results[0]) == ["", "own"]
    assert lit(drawn.operands[0]) == ["read"]
    assert drawn.products == ""  # one product needs no number


def test_a_plane_is_told_in_words_row_by_row() -> None:
    column = Plane("G", "G", (0, 0), (("1",), ("2",)))
    (drawn,) = scene(replace(PICTURE, operands=(column,)), INDEX).operands

    assert drawn.spoken == "G: 1 (1) belongs and lacks; 2"


def test_a_long_fraction_is_cut_an_integer_is_not_and_wide_planes_scroll() -> None:
    wide = Plane("G", "G", (0, 0), (("0.12345678901234", "123456789012345") * 3,))
    (drawn,) = scene(replace(PICTURE, operands=(wide,)), INDEX).operands

    assert {cell.text for cell in drawn.cells} == {"0.1234567…", "123456789012345"}
    assert drawn.scrolls
    assert not any(one.scrolls for one in scene(PICTURE, INDEX).operands)


def test_the_numbers_are_in_the_json() -> None:
    told = json.finding(pictured())["picture"]

    assert told["actual"]["numbers"] == (("3", "6", "14"),)
    assert [term["part"] for term in told["terms"]] == ["lacking", "should"]
    assert json.finding(finding())["picture"] is None
