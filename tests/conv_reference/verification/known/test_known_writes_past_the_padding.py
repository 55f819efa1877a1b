"""The conditions of 0054, as they were measured: one moved alone, and the process lived."""

from __future__ import annotations

import pytest

from conv_reference.verification.known.known import SHIPPED, load
from conv_reference.verification.model.case import Case

DEFECTS = {defect.name: defect for defect in load(SHIPPED)}


@pytest.mark.parametrize(
    ("text", "dies"),
    [
        ("bfloat16 n2 c4 h4 w46 o4 k2x7 s1x13 p0x5 d1 g1 X=channels_last", True),
        ("bfloat16 n2 c4 h4 w46 o4 k2x7 s1x13 p0x5 d1 g2 K=channels_last", True),
        ("bfloat16 n2 c4 h4 w52 o4 k2x7 s1x13 p0x5 d1x2 g1 X=channels_last", True),
        ("bfloat16 n2 c4 h4 w46 o4 k2x7 s1x13 p0x5 d1 g1", False),
        ("float32 n2 c4 h4 w46 o4 k2x7 s1x13 p0x5 d1 g1 X=channels_last", False),
        ("bfloat16 n2 c4 h4 w46 o4 k2x7 s1x13 p0x4 d1 g1 X=channels_last", False),
        ("bfloat16 n2 c4 h4 w47 o4 k2x7 s1x13 p0x5 d1 g1 X=channels_last", False),
        ("bfloat16 n2 c4 h4 w40 o4 k2x1 s1x13 p0x5 d1 g1 X=channels_last", False),
        ("bfloat16 n2 c4 h4 w46 o4 k2x7 s1x13 p0x5 d1 g4 X=channels_last", False),
    ],
)
def test_what_writes_past_the_padding_is_known_and_what_lies_beside_it_is_not(
    text: str, *, dies: bool
) -> None:
    case = Case.parse(f"certificate {text} grad= nobias")
    assert DEFECTS["conv2d-onednn-bfloat16-padded-by-more-than-outputs"].concerns(case) is dies
