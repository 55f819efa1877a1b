"""A guard counts as named where the words of the finding have each of its subjects."""

from __future__ import annotations

import pytest

from conv_reference.verification.detection.naming import named
from conv_reference.verification.faults.planting import SUBJECTS


@pytest.mark.parametrize(
    ("about", "words", "said"),
    [
        ("groups stride", "All 3 have g > 1, sw > 1; no other with that passed.", "yes"),
        ("groups stride", "All 3 have g > 1.", "partly"),
        ("groups stride", "All 3 have kh > 1.", "no"),
        ("float16 batch", "All 3 have n > 2. float16", "yes"),
        ("bfloat16 kernel", "All 3 have kh > 1. float16", "partly"),
        ("layout", "All 3 have X=sliced", "yes"),
        ("", "All 3 have n > 1", "-"),
    ],
)
def test_a_guard_is_named_by_its_subjects(about: str, words: str, said: str) -> None:
    assert named(about.split(), words) == said


def test_findings_have_words_for_each_subject() -> None:
    words = "g sw dh pw n kh c oh X=sliced float16 bfloat16 float32 float64 a bias, output padding"
    assert named(SUBJECTS, words) == "yes"
