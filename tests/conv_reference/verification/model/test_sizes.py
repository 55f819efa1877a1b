from __future__ import annotations

from conv_reference.geometry import Geometry
from conv_reference.verification.model.sizes import sizes_of


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
