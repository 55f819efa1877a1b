from __future__ import annotations

import pytest

from conv_reference.verification.report.sizes_in_words import in_words


@pytest.mark.parametrize(
    ("geometry", "words"),
    [
        ("n1 c1 h1 w2 o1 k1x2 s1 p0 d1 g1", "1 sample; input 1×2, kernel 1×2, output 1×1"),
        (
            "n2 c4 h8 w9 o6 k3x2 s2x1 p1x0 d1x2 g2",
            "2 samples; input 8×9 in 4 channels, kernel 3×2, output 4×7 in 6 channels; "
            "2 groups, stride 2×1, padding 1×0, dilation 1×2",
        ),
        (
            "n1 c1 h3 w3 o1 k2 s1 p1:0x2 d1 g1",
            "1 sample; input 3×3, kernel 2×2, output 3×6; "
            "padding 1 above, 0 below, 2 left and 2 right",
        ),
        ("arguments", ""),
        ("h1 w1 k2", ""),  # of which there is no convolution
    ],
)
def test_each_letter_that_says_something_has_its_word(geometry: str, words: str) -> None:
    assert in_words(geometry) == words
