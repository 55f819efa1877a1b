"""Every geometry up to some limits, each once, from small to large."""

from __future__ import annotations

from itertools import pairwise, product

import pytest

from conv_reference.geometry import Geometry
from conv_reference.verification.reading.limited import Limits, count, geometries, parts

TEXT = "h<=3 w<=2 k<=2 s<=2 p<=1 d<=2 c<=2 o<=2 n<=2 g<=2"


def by_force() -> set[Geometry]:
    """The same from nested loops, as far as the geometry itself lets them be."""
    found = set()
    for h, w, n, g, c, o in product((1, 2, 3), *[(1, 2)] * 5):
        for kh, kw, sh, sw, dh, dw in product((1, 2), repeat=6):
            for ph, pw in product((0, 1), repeat=2):
                if c % g or o % g or dh * (kh - 1) >= h + 2 * ph or dw * (kw - 1) >= w + 2 * pw:
                    continue
                found.add(
                    Geometry(
                        batch=n,
                        in_channels=c,
                        out_channels=o,
                        groups=g,
                        input_size=(h, w),
                        kernel_size=(kh, kw),
                        stride=(sh, sw),
                        padding=((ph, ph), (pw, pw)),
                        dilation=(dh, dw),
                    )
                )
    return found


def test_each_is_there_once_and_they_are_counted_beforehand() -> None:
    limits = Limits.parse(TEXT)
    cut = [(part, number) for part, number in parts(limits)]

    found = [geometry for part, _ in cut for geometry in geometries(part)]

    assert len(found) == count(limits) == sum(number for _, number in cut)
    assert {*found} == by_force()
    assert len({str(part) for part, _ in cut}) == len(cut)


def test_they_go_from_small_to_large() -> None:
    steps = [part.steps for part, _ in parts(Limits.parse(TEXT))]

    assert all(one <= other for one, other in pairwise(steps))


def test_the_number_is_that_of_the_manual() -> None:
    text = "h<=5 w<=5 k<=3 s<=3 p<=3 d<=2 c<=3 o<=3 n<=2 g<=3"

    assert count(Limits.parse(text)) == 2_352_438
    assert str(Limits.parse(text)) == str(Limits.parse(text.replace("<=", "≤")))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "limit must be terms like h<=5, got none"),
        ("h<5", "got 'h<5'"),
        ("x<=5", "of h, w, k, s, p, d, c, o, n, g, got 'x<=5'"),
        ("h<=2 h<=3", "each once, of"),
        ("k<=0", r"limit of k must be 1\.\.1000, got 0"),
    ],
)
def test_what_is_no_limit_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Limits.parse(text)
