"""A guard counts as named where the words of the finding have each of its terms."""

from __future__ import annotations

import pytest

from conv_reference.verification.detection.naming import named


@pytest.mark.parametrize(
    ("condition", "words", "said"),
    [
        (
            "groups > 1 and stride > 1",
            "All 3 have g > 1, sw > 1; no other with that passed.",
            "yes",
        ),
        ("groups > 1 and stride > 1", "All 3 have g > 1.", "partly"),
        ("groups > 1 and stride > 1", "All 3 have kh > 1.", "no"),
        ("float16, N > 2", "All 3 have n > 2. float16", "yes"),
        ("bfloat16, kernel higher than one", "All 3 have kh > 1. float16", "partly"),
        ("input that is not contiguous", "All 3 have X=sliced", "yes"),
        ("every 7th call", "All 3 have n > 1", "-"),
    ],
)
def test_a_guard_is_named_by_its_terms(condition: str, words: str, said: str) -> None:
    assert named(condition, words) == said
