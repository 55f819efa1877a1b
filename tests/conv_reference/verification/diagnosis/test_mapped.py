"""Over which operands a mapping is refused."""

from __future__ import annotations

import pytest

from conv_reference.verification.diagnosis.mapped import refused_over
from conv_reference.verification.model.judgement import Quantity


def quantities(text: str) -> list[Quantity]:
    return [Quantity("Y", tuple(letters)) for letters in text.split()]


@pytest.mark.parametrize(
    ("refused", "answered", "said"),
    [
        ("K XK Kb XKb", "X b Xb", "mapped over K, though not over X or b"),
        ("X", "K b XK Kb", "mapped over X alone, though not over K or b"),
        ("XK", "X K", "mapped over X and K, though not over X or K"),
        ("X b Xb", "K", "mapped over X or b, though not over K"),
        ("X K XK", "", ""),
        ("X", "X K", ""),  # in some dimensions, it is both
        ("", "X", ""),
    ],
)
def test_the_simplest_that_are_refused_are_named(refused: str, answered: str, said: str) -> None:
    assert refused_over(quantities(refused), quantities(answered)) == said


def test_of_one_around_another_the_order_counts() -> None:
    first, second = (Quantity("Y", tuple(letters), nested=True) for letters in ("XK", "KX"))
    said = "mapped over X around K, though not over K around X"
    assert refused_over([first], [second]) == said
