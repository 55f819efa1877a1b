from __future__ import annotations

from hypothesis import given

from conv_reference.geometry import Geometry
from conv_reference.strategies import geometries
from conv_reference.verification.model.sizes import outgrows, sizes_of


def test_sizes_are_named_by_axis() -> None:
    sizes = sizes_of(Geometry.parse("n2 c4 h5 w9 o6 k2x3 s1x2 p0x1 d1x3 g2"))
    expected = {"n": 2, "c": 4, "h": 5, "w": 9, "o": 6, "kh": 2, "kw": 3, "sh": 1, "sw": 2}
    expected |= {"ph": 0, "pw": 1, "dh": 1, "dw": 3, "g": 2, "oh": 4, "ow": 3, "rh": 0, "rw": 0}
    assert expected.items() <= sizes.items()


def test_outputs_and_taps_that_see_only_padding_are_counted() -> None:
    """Columns -2 to 3, of which 0 and 1 hold pixels, under three taps with stride 3."""
    sizes = sizes_of(Geometry.parse("n1 c1 h1 w2 o1 k1x3 s1x3 p0x2"))
    assert (sizes["ow"], sizes["blind_columns"], sizes["blind_kernel_columns"]) == (2, 0, 1)
    alone = sizes_of(Geometry.parse("n1 c1 h1 w1 o1 k1x1 s1x2 p0x1"))
    assert (alone["ow"], alone["blind_columns"], alone["blind_rows"]) == (2, 2, 0)


@given(geometry=geometries())
def test_what_is_blind_is_what_no_pair_of_output_and_tap_reads(geometry: Geometry) -> None:
    sizes = sizes_of(geometry)
    axes = (("h", "rows", 0), ("w", "columns", 1))
    for axis, name, place in axes:
        before = geometry.padding[place][0]
        outputs, taps = sizes[f"o{axis}"], sizes[f"k{axis}"]
        pixels = range(sizes[axis])
        read = {
            (i, a)
            for i in range(outputs)
            for a in range(taps)
            if sizes[f"s{axis}"] * i + sizes[f"d{axis}"] * a - before in pixels
        }
        assert sizes[f"blind_{name}"] == outputs - len({i for i, _ in read})
        assert sizes[f"blind_kernel_{name}"] == taps - len({a for _, a in read})


def test_sizes_of_a_thousand_million_are_told_at_once() -> None:
    far = Geometry.parse("h2000000000 w1 k2x1 p1000000000x0")
    assert sizes_of(far)["blind_rows"] == 2 * (1_000_000_000 - 1)
    assert outgrows(far) == "8,000,000,001 elements, at most 134,217,728 accepted"
    assert outgrows(Geometry.parse("h90 w90 k90")) == ""
    assert outgrows(Geometry.parse("h91 w91 k91")) == (
        "a kernel of 8,281 taps, at most 8,192 accepted"
    )
