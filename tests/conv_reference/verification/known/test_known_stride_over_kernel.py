"""The conditions of what was measured: which geometries died, and which near them never did."""

from __future__ import annotations

import pytest

from conv_reference.verification.known.known import SHIPPED, load
from conv_reference.verification.model.case import Case

DEFECTS = {defect.name: defect for defect in load(SHIPPED)}


def concerned(name: str, text: str) -> bool:
    dtype = "bfloat16" if "bfloat16" in name else "float32"
    return DEFECTS[f"conv2d-onednn-{name}"].concerns(Case.parse(f"certificate {dtype} {text}"))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize(
    ("text", "dies"),
    [
        ("n1 c1 h7973 w2 o1 k1x2 s2x1 K=channels_last", True),
        ("n1 c1 h7995 w3 o3 k1x3 s1999x1 p1x0 K=channels_last", True),
        ("n1 c1 h2474 w18 o2 k2x16 s3x1 d2x1 K=channels_last", True),  # several windows in a row
        ("n2 c64 h16 w8 o1 k1x8 s2x8 X=channels_last", True),
        ("n2 c32 h858 w2 o16 k1x2 s620x20 X=channels_last", True),
        ("n1 c1 h7973 w2 o1 k1x2 s1 K=channels_last", False),  # no row is passed over
        ("n1 c1 h7973 w2 o1 k2x2 s2x1 K=channels_last", False),
        ("n1 c1 h7973 w2 o1 k1x2 s2x1", False),  # another layout
        ("n1 c1 h3000 w2 o1 k1x2 s2x1 K=channels_last", False),  # few numbers
        ("n1 c1 h7973 w3 o1 k1x2 s2x1 d1x2 K=channels_last", False),  # a dilation
        ("n1 c64 h900 w9 o1 k1x8 s2x8 X=channels_last", False),  # windows within a row
        ("n1 c4 h7973 w2 o4 k1x2 s2x1 g4 K=channels_last", False),  # groups
    ],
)
def test_of_a_stride_over_the_kernel_what_died_is_known_and_what_never_did_is_not(
    dtype: str, text: str, dies: bool
) -> None:
    assert concerned(f"{dtype}-stride-over-kernel", text) is dies


def test_groups_of_one_channel_with_several_outputs_die_in_bfloat16_alone() -> None:
    text = "n1 c2 h1098 w14 o96 k3x2 s17x1 p1 d2x1 g2 X=channels_last"
    assert concerned("bfloat16-stride-over-kernel", text)
    assert not concerned("float32-stride-over-kernel", text)


@pytest.mark.parametrize(
    ("dtype", "text", "is_wrong"),
    [
        ("float32", "n1 c1 h8729 w3 o48 k1x2 s1x2 X=channels_last", True),
        ("float32", "n1 c1 h4000 w3 o48 k1x2 s1x2 X=channels_last", False),
        ("bfloat16", "n1 c1 h21 w4 o16 k1x4 s1x2 X=channels_last", True),
    ],
)
def test_one_column_of_one_sample_by_a_kernel_of_one_row_is_known_where_it_was_wrong(
    dtype: str, text: str, is_wrong: bool
) -> None:
    assert concerned(f"{dtype}-one-channel-one-column", text) is is_wrong
