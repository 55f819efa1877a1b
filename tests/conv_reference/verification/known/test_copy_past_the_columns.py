"""The condition of docs/found/0047: what was wrong or died with it, and what beside it was not."""

from __future__ import annotations

import pytest

from conv_reference.verification.known.known import SHIPPED, load
from conv_reference.verification.model.case import Case

(DEFECT,) = (d for d in load(SHIPPED) if d.name == "conv2d-onednn-copy-past-the-columns")


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize(
    ("text", "met"),
    [
        ("n2 c1 h3 w3 o10533 k1x3 s2", True),  # died, in float32
        ("n2 c1 h3 w3 o32767 k1x3 s2 p1x0", True),
        ("n2 c1 h9 w9 o9117 k1x3 s2", True),
        ("n2 c1 h3 w3 o9012 k1x3 s2 p0x1", True),
        ("n4 c1 h9 w9 o6000 k1x3 s2", True),  # wrong with two threads
        ("n8 c1 h9 w5 o204 k1x5 s2 p0x1", True),
        ("n8 c1 h31 w5 o64 k1x5 s2 p0x1", True),
        ("n4 c1 h9 w9 o4700 k1x3 s2", False),  # right each time
        ("n8 c1 h9 w5 o220 k1x5 s2 p0x1", False),
        ("n8 c1 h31 w5 o32 k1x5 s2 p0x1", False),
        ("n2 c1 h3 w3 o16000 k3x3 s2", False),  # rows enough
        ("n2 c1 h3 w3 o16000 k1x3 s1", False),
        ("n2 c1 h3 w3 o32000 k1x1 s2", False),
        ("n1 c1 h3 w3 o16000 k1x3 s2", False),  # not handed to the library
    ],
)
def test_what_died_or_was_wrong_is_known_and_what_never_was_is_not(
    dtype: str, text: str, met: bool
) -> None:
    assert DEFECT.concerns(Case.parse(f"certificate {dtype} {text}")) is met
