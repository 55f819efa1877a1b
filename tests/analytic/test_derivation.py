"""The façade: how a derivation shows itself, and its numbers."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from html import escape, unescape

import pytest

from analytic import Derivation, Geometry, Values, derive, parse_values
from analytic.theorem import theorem

CHAPTER = derive(Geometry((2, 3), (1, 2)))


def test_a_derivation_names_its_geometry() -> None:
    assert repr(CHAPTER).startswith("derive(Geometry(rows=Axis(input=2,")


def test_evaluation_is_exact() -> None:
    half = Fraction(1, 2)
    values = Values.of(CHAPTER.geometry, K=[[half, -3]], G=[[1, 10], [100, 1000]])
    found = CHAPTER.evaluate(values)
    assert found.output == {
        (0, 0, 0, 0): half - 6,
        (0, 0, 0, 1): 1 - 9,
        (0, 0, 1, 0): 2 - 15,
        (0, 0, 1, 1): 5 * half - 18,
    }
    assert found.gradient_kernel == {(0, 0, 0, 0): 5421, (0, 0, 0, 1): 6532}
    assert found.gradient_input[0, 0, 0, 1] == 10 * half - 3
    assert found.jacobian_input.entries[(0, 0, 1, 1), (0, 0, 1, 2)] == -3
    assert found.jacobian_kernel.entries[(0, 0, 1, 1), (0, 0, 0, 0)] == 5
    assert found.gradient_bias is None


def test_a_notebook_shows_a_page_in_a_frame() -> None:
    page = CHAPTER._repr_html_()
    assert page is not None
    assert page.startswith('<iframe srcdoc="')
    # One attribute: no quote or tag of the page's own gets out of it.
    assert page.count('"') == 4
    assert page.count("<") == 2


def test_numbers_plugged_in_and_the_theorem_show_themselves_too() -> None:
    plugged = CHAPTER.with_values(parse_values("X=7", CHAPTER.geometry))
    for shown in (plugged, theorem()):
        page = shown._repr_html_()
        assert page is not None
        assert escape(f"<title>{shown.title.msgid.split('{')[0]}") in page
        assert r"\partial" in (shown._repr_latex_() or "")
    assert "<mn>7</mn>" in unescape(plugged._repr_html_() or "")


def test_a_notebook_that_becomes_latex_gets_a_fragment() -> None:
    source = CHAPTER._repr_latex_()
    assert source is not None
    assert r"\partial" in source
    assert r"\documentclass" not in source


def test_a_notebook_goes_on_where_a_library_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analytic.render.formats", lambda: ("text",))
    assert CHAPTER._repr_html_() is None
    assert CHAPTER._repr_latex_() is None


def test_derivations_are_data() -> None:
    assert isinstance(CHAPTER, Derivation)
    with pytest.raises(dataclasses.FrozenInstanceError):
        CHAPTER.cases = ()  # type: ignore[misc]  # frozen: that is the test
