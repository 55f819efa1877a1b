from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conv_reference.geometry import Geometry
from conv_reference.strategies import geometries
from conv_reference.verification.diagnosis.failing_cases.moved_sizes import (
    comparable,
    dials,
    moved_to,
)
from conv_reference.verification.model.case import Case

OUTPUTS_OF_PADDING = {"ph": "oh", "pw": "ow"}


def sizes(g: Geometry) -> dict[str, int]:
    """By name, channels counted for each group whatever the number of groups."""
    return {dial.name.removesuffix("/g"): dial.get(g) for dial in dials(g)}


@given(geometries(), st.data())
def test_one_size_moves_and_the_others_stay(g: Geometry, data: st.DataObject) -> None:
    dial = data.draw(st.sampled_from([*dials(g)]), label="size")
    to = data.draw(st.integers(dial.least, dial.get(g) + 9), label="to")
    with suppress(ValueError):  # no such convolution
        moved = dial.moved(g, to)
        assert dial.get(moved) == to
        if min(*moved.input_size, *g.input_size) > 1:  # else it would have to be empty
            name = dial.name.removesuffix("/g")
            free = {name, OUTPUTS_OF_PADDING.get(name), *({"rh", "rw"} if name in "shsw" else ())}
            before, after = sizes(g), sizes(moved)
            assert {n: before[n] for n in before if n not in free} == {
                n: after[n] for n in after if n not in free
            }


@pytest.mark.parametrize(
    ("name", "value", "moved"),
    [
        ("n", 3, "n3 c2 h3 w5 o4 k1x2 s1x2 p0x1 d1x2 g2"),
        ("g", 3, "n2 c3 h3 w5 o6 k1x2 s1x2 p0x1 d1x2 g3"),
        ("c/g", 5, "n2 c10 h3 w5 o4 k1x2 s1x2 p0x1 d1x2 g2"),
        ("kw", 3, "n2 c2 h3 w7 o4 k1x3 s1x2 p0x1 d1x2 g2"),
        ("sw", 3, "n2 c2 h3 w7 o4 k1x2 s1x3 p0x1 d1x2 g2"),
        ("ow", 5, "n2 c2 h3 w9 o4 k1x2 s1x2 p0x1 d1x2 g2"),
        ("rw", 0, "n2 c2 h3 w5 o4 k1x2 s1x2 p0x1 d1x2 g2"),
        ("rw", 1, "n2 c2 h3 w6 o4 k1x2 s1x2 p0x1 d1x2 g2"),
    ],
)
def test_what_moves_along(name: str, value: int, moved: str) -> None:
    case = Case.parse("certificate float32 n2 c2 h3 w5 o4 k1x2 s1x2 p0x1 d1x2 g2")
    (dial,) = (dial for dial in dials(case.geometry) if dial.name == name)
    found = moved_to(case, dial, value)
    assert found is not None
    assert str(found.geometry) == moved


def test_where_there_is_no_such_convolution_there_is_none() -> None:
    case = Case.parse("certificate float32 n1 c1 h1 w1 o1 k1x1")
    by_name = {dial.name: dial for dial in dials(case.geometry)}
    assert moved_to(case, by_name["rw"], 1) is None  # one more column is one more output
    assert moved_to(case, by_name["n"], 0) is None  # of no sample nothing can be wrong


def test_pairs_are_compared_in_either_order() -> None:
    assert {*comparable(["sh", "sw", "n"])} == {("sh", "sw"), ("sw", "sh")}
