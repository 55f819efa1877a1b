from __future__ import annotations

import pickle

import pytest

from conv_reference.verification.model.judgement import Judgement, Quantity, Thrown
from conv_reference.verification.model.result import Verdict


@pytest.mark.parametrize(
    ("quantity", "text"),
    [
        (Quantity("dK", ("X", "G")), "dK mapped over X, G"),
        (Quantity("Y", ("X", "K"), (1, 0)), "Y mapped over X (in_dims 1), K (in_dims 0)"),
        (
            Quantity("Y", ("K", "X"), (0, 1), nested=True),
            "Y mapped over K (in_dims 0) around X (in_dims 1)",
        ),
    ],
)
def test_a_quantity_says_what_it_is_mapped_over(quantity: Quantity, text: str) -> None:
    assert str(quantity) == text


def test_which_dimension_is_mapped_over_makes_no_other_quantity_and_what_is_mapped_does() -> None:
    first = Judgement("vmap", "", Verdict.WRONG).about(Quantity("Y", ("X", "K"), (1, 0)))
    again = first.about(Quantity("Y", ("X", "K"), (0, 2)))
    other = first.about(Quantity("Y", ("X",), (0,)))

    assert first.quantity != again.quantity
    assert first.quantity_alike == again.quantity_alike == "Y mapped over X, K"
    assert first.quantity_alike != other.quantity_alike
    assert {judgement.quantity_name for judgement in (first, again, other)} == {"Y"}


def test_what_one_mistake_throws_is_alike_whatever_the_sizes() -> None:
    said = "shape '[2, 3]' is invalid for input of size 5"
    thrown = Thrown("RuntimeError", said, "mine.py:12")
    larger = Thrown("RuntimeError", said.replace("3", "12"), "mine.py:12")
    elsewhere = Thrown("RuntimeError", said, "mine.py:40")

    assert thrown.alike == larger.alike != elsewhere.alike


def test_a_judgement_travels_between_processes() -> None:
    judgement = Judgement("vmap", "", Verdict.RAISED, thrown=Thrown("ValueError", "no")).about(
        Quantity("Y", ("X",), (1,))
    )
    assert pickle.loads(pickle.dumps(judgement)) == judgement
