from __future__ import annotations

import pytest

from conv_reference.verification.reading.threshold_integers import integers_in


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("if (c == 44) {", (44,)),
        ("tl.where(n > 0x1F, 3u, 7ULL)", (3, 7, 31)),
        ("float x = 1.25e3f; int block32, v4[5];", (5,)),
        ("0 1 65536 65537 08", (8, 65536)),
        (" ".join(map(str, range(100, 120))), tuple(range(100, 116))),
        ("", ()),
    ],
)
def test_integers_of_any_source_are_read(text: str, found: tuple[int, ...]) -> None:
    assert integers_in(text) == found
