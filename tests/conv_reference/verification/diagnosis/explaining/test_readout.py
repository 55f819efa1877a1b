from __future__ import annotations

import faulty
import pytest
import torch

from conv_reference.verification.diagnosis.explaining.readout import can_read_out, folded, read_out
from conv_reference.verification.diagnosis.explaining.symbolic import derived_terms
from conv_reference.verification.model.case import Case
from conv_reference.verification.target.conventions import as_target
from conv_reference.verification.trial.trial import TargetRaised, Trial

WORDS = "n2 c2 h2 w3 o2 k1x2 g2"


def trial(name: str, words: str) -> Trial:
    target = as_target(getattr(faulty, name))
    return Trial(target, Case.parse(f"certificate float32 {words}"), 0, torch.device("cpu"))


@pytest.mark.parametrize(
    ("quantity", "index"),
    [("Y", (1, 1, 0, 1)), ("dX", (0, 1, 1, 1)), ("dK", (1, 0, 0, 1)), ("db", (1,))],
)
def test_a_right_target_reads_out_as_it_is_derived(quantity: str, index: tuple[int, ...]) -> None:
    given = trial("correct", WORDS)
    found = read_out(given, quantity, index)
    should = derived_terms(given.case.geometry, quantity, index, bias=True)

    assert found.explains
    assert found.terms == should
    assert len(should) > 1


@pytest.mark.parametrize(
    ("words", "quantity", "index", "terms"),
    [
        ("n2 c1 h1 w2 o1 k1x2 X=expanded", "Y", (1, 0, 0, 0), 3),
        ("n2 c1 h1 w2 o1 k1x2 X=expanded", "dK", (0, 0, 0, 1), 2),
        ("n2 c2 h2 w3 o2 k1x2 g2 X=expanded K=expanded", "Y", (1, 1, 0, 1), 3),
        ("n2 c2 h2 w3 o4 k1x2 g2 K=expanded", "dX", (0, 1, 1, 1), 4),
        ("n2 c2 h2 w3 o4 k1x2 g2 K=expanded G=expanded", "dX", (0, 1, 1, 1), 2),
        ("n2 c2 h2 w3 o2 k1x2 g2 G=expanded X=expanded", "dK", (1, 0, 0, 1), 4),
        ("n2 c2 h2 w3 o2 k1x2 g2 G=expanded", "db", (1,), 1),
    ],
)
def test_numbers_that_repeat_themselves_read_out_as_the_sum_of_what_is_derived(
    words: str, quantity: str, index: tuple[int, ...], terms: int
) -> None:
    given = trial("correct", words)
    found = read_out(given, quantity, index)
    should = derived_terms(given.case.geometry, quantity, index, bias=True)

    assert found.explains
    assert found.terms == folded(should, given, quantity)
    assert sum(found.terms.values()) == len(should)
    assert len(found.terms) == terms


def test_what_does_not_repeat_itself_is_not_folded() -> None:
    given = trial("correct", WORDS)
    for quantity, index in (("Y", (1, 1, 0, 1)), ("dX", (0, 1, 1, 1)), ("db", (1,))):
        should = derived_terms(given.case.geometry, quantity, index, bias=True)
        assert folded(should, given, quantity) == should


def test_a_wrong_target_reads_out_as_what_it_computes() -> None:
    found = read_out(trial("flipped_kernel", "h1 w2 k1x2 nobias"), "Y", (0, 0, 0, 0))
    flipped = {
        ((0, 0, 0, 0), (0, 0, 0, 1)): 1.0,
        ((0, 0, 0, 1), (0, 0, 0, 0)): 1.0,
    }
    assert found.terms == flipped
    assert found.explains


def test_coefficients_other_than_one_are_read() -> None:
    found = read_out(trial("twice", "h1 w1 k1"), "Y", (0, 0, 0, 0))
    assert found.terms == {((0, 0, 0, 0), (0, 0, 0, 0)): 2.0, ((0,), ()): 2.0}
    assert found.explains


def test_what_is_no_bilinear_map_is_not_explained_by_its_terms() -> None:
    """Ten bits hold every impulse; the fault shows on other values only."""
    given = trial("in_ten_bits", "h1 w1 k1 values=heavy_input nobias")
    found = read_out(given, "Y", (0, 0, 0, 0))
    assert found.terms == {((0, 0, 0, 0), (0, 0, 0, 0)): 1.0}
    assert not found.explains


@pytest.mark.parametrize(
    ("words", "quantity", "readable"),
    [
        ("h4 w4 k2", "Y", True),
        ("h4 w4 k2", "second order", False),
        ("c8 h8 w8 o8 k3", "Y", False),
        ("c8 h8 w8 o8 k3 K=expanded", "Y", False),
        ("c1 h8 w8 o8 k3 K=expanded", "Y", True),
        ("c1 h8 w8 o8 k3", "Y", False),
        ("c8 h8 w9 o8 k3 G=expanded", "dX", True),
        ("c8 h8 w8 o8 k3", "db", True),
    ],
)
def test_impulses_are_put_where_there_are_few(words: str, quantity: str, readable: bool) -> None:
    assert can_read_out(trial("correct", words), quantity) == readable


def test_a_gradient_that_is_not_there_cannot_be_read() -> None:
    with pytest.raises(TargetRaised, match="no db"):
        read_out(trial("lost_bias_gradient", "h1 w1 k1"), "db", (0,))


def test_what_is_added_where_every_operand_is_0_is_no_term() -> None:
    def one_more(input, weight, bias=None):  # type: ignore[no-untyped-def]
        return torch.nn.functional.conv2d(input, weight, bias) + 1

    case = Case.parse("certificate float32 h1 w1 k1 nobias")
    found = read_out(Trial(as_target(one_more), case, 0, torch.device("cpu")), "Y", (0, 0, 0, 0))
    assert found.terms == {((0, 0, 0, 0), (0, 0, 0, 0)): 1.0}
    assert found.offset == 1
    assert found.explains
