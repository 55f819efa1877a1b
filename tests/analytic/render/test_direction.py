"""Isolates: each line of text closes what it opens, however a formula is broken."""

from __future__ import annotations

import pytest

from analytic import Geometry, derive
from analytic.locale import translations
from analytic.render import renderer
from analytic.render._direction import LEFT_TO_RIGHT, POP, closed, isolated
from analytic.render._layout import wrap


def test_an_isolate_over_several_lines_is_closed_on_each() -> None:
    long = isolated(" + ".join(["G[0,0,0,0]·K[0,0,0,0]"] * 9))
    lines = wrap(f"אבג {long} דהו")
    assert len(lines) > 2
    for line in lines:
        assert line.count(LEFT_TO_RIGHT) == line.count(POP)
    between = "".join(lines[1:-1])
    assert between.startswith(LEFT_TO_RIGHT)
    assert between.endswith(POP)


def test_lines_without_isolates_stay_as_they_are() -> None:
    assert list(closed(["a", "", "b"])) == ["a", "", "b"]


@pytest.mark.parametrize(
    "geometry",
    [
        Geometry((2, 3), (1, 2)),
        Geometry(3, 2, batch=2, in_channels=4, out_channels=6, groups=2, bias=True),
        Geometry((3, 11), (2, 3), padding=1),
    ],
    ids=repr,
)
def test_every_line_in_hebrew_is_closed(geometry: Geometry) -> None:
    text = renderer("text")(derive(geometry).document, translations("he"))
    assert LEFT_TO_RIGHT in text
    for line in text.splitlines():
        opened = sum(line.count(sign) for sign in "\u2066\u2067\u2068")
        assert opened == line.count(POP), line
