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
    thrown = Thrown("RuntimeError", said)
    larger = Thrown("RuntimeError", said.replace("3", "12"))
    other = Thrown("RuntimeError", "cannot be done")

    assert thrown.alike == larger.alike != other.alike


def test_what_one_line_throws_is_alike_whatever_it_says() -> None:
    thrown = Thrown("ValueError", "input is too wide", "mine.py:12")
    again = Thrown("ValueError", "weight is too wide", "mine.py:12")
    elsewhere = Thrown("ValueError", "input is too wide", "mine.py:40")
    of_another_type = Thrown("TypeError", "input is too wide", "mine.py:12")

    assert thrown.alike == again.alike not in {elsewhere.alike, of_another_type.alike}
    assert thrown.pattern != again.pattern
    of_torch = Thrown("ValueError", "no torch.bfloat16 of 3, 4")
    assert of_torch.pattern == "no # of #" == Thrown("ValueError", "no float32 of 7").pattern


def test_a_judgement_travels_between_processes() -> None:
    judgement = Judgement("vmap", "", Verdict.RAISED, thrown=Thrown("ValueError", "no")).about(
        Quantity("Y", ("X",), (1,))
    )
    assert pickle.loads(pickle.dumps(judgement)) == judgement
