"""The text form; that it is the reference's own, test_agreement shows."""

from __future__ import annotations

import pytest

from analytic import Geometry, GeometryError, geometry_text, parse_geometry


def test_the_form_that_findings_print() -> None:
    text = "n2 c4 h8 w9 o6 k3x2 s2x1 p1:0x2 d1 g2"

    geometry = parse_geometry(text, bias=True)

    assert geometry == Geometry(
        (8, 9),
        (3, 2),
        stride=(2, 1),
        padding=((1, 0), (2, 2)),
        batch=2,
        in_channels=4,
        out_channels=6,
        groups=2,
        bias=True,
    )
    assert geometry_text(geometry) == text


def test_what_is_not_written_is_the_plainest() -> None:
    assert parse_geometry("k1x2 w3 h2") == Geometry((2, 3), (1, 2))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("h2 w3", "the geometry 'h2 w3' lacks k; accepted is a form like 'n1 c1 h2 w3 o1 k1x2 s1"),
        ("", "the geometry '' lacks h, w, k; "),
        ("h2 w3 k1:2", "not a part of a geometry: 'k1:2'; accepted is a form like 'n1"),
        ("h2 w3 k١", "not a part of a geometry: 'k١'"),
        ("h2 w3 k1 k2", "'k' occurs twice in the geometry 'h2 w3 k1 k2'"),
        ("h2x3 w3 k1", "not a single size: '2x3' in the geometry"),
        ("h2 w3 k1 s0", "stride must be at least 1, got (0, 0)"),
        ("h2 w3 k3", "the kernel must fit into the padded input, got a dilated kernel of height 3"),
        (f"h2 w{'9' * 5000} k1", "a size must have at most 12 digits, got one of 5000: 9999"),
    ],
)  # fmt: skip
def test_what_is_no_geometry_is_refused_in_one_line(text: str, message: str) -> None:
    with pytest.raises(GeometryError) as caught:
        parse_geometry(text)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
