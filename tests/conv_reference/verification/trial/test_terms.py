from __future__ import annotations

import pytest
import torch

from conv_reference.verification.model.judgement import Judgement
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.trial.terms import explained_in_terms

A, B = torch.tensor([3.0, -5.0], dtype=torch.float64), torch.tensor([7.0, 2.0]).double()
TERMS = {"Y(V, K)": A, "Y(X, W)": B}
OTHERS = {"Y(X, K)": torch.tensor([100.0, 1.0]).double()}
WRONG = Judgement("jvp", "tangent of Y", Verdict.WRONG, explanation="1 of 2 elements is wrong")


@pytest.mark.parametrize(
    ("actual", "formula", "cause"),
    [
        (A, "Y(V, K)", "Perhaps the term Y(X, W) is forgotten."),
        (
            0 * A,
            "0",
            "Perhaps no term is computed: the operands are taken for constants, as by a cut graph.",
        ),
        (A - B, "Y(V, K) - Y(X, W)", "Perhaps Y(X, W) has the wrong sign."),
        (2 * A + B, "2·Y(V, K) + Y(X, W)", "Perhaps Y(V, K) is counted 2 times."),
        (
            B + OTHERS["Y(X, K)"],
            "Y(X, W) + Y(X, K)",
            "Perhaps Y(X, K) is computed in place of Y(V, K).",
        ),
        (
            A + B + OTHERS["Y(X, K)"],
            "Y(V, K) + Y(X, W) + Y(X, K)",
            "Perhaps Y(X, K) is added.",
        ),
    ],
)
def test_what_was_computed_is_told_beside_what_should_have_been(
    actual: torch.Tensor, formula: str, cause: str
) -> None:
    told = explained_in_terms(WRONG, actual, TERMS, OTHERS, where="V: a tangent")

    assert told.cause == cause
    assert [*told.lines] == [
        "1 of 2 elements is wrong",
        "should be Y(V, K) + Y(X, W)",
        f"is        {formula}",
        "V: a tangent",
    ]


def test_of_a_single_term_that_is_lost_it_is_the_term_that_is_named() -> None:
    told = explained_in_terms(WRONG, 0 * A, {"Y(V, K)": A}, {}, where="")
    assert told.cause == "Perhaps the term Y(V, K) is forgotten."


def test_in_place_of_a_term_that_is_zero_there_it_is_the_same_cause() -> None:
    zero = torch.zeros(2, dtype=torch.float64)
    told = explained_in_terms(WRONG, OTHERS["Y(X, K)"], {"Y(V, K)": zero}, OTHERS, where="")

    assert told.cause == "Perhaps Y(X, K) is computed in place of Y(V, K)."
    assert told.beneath[:2] == ("should be Y(V, K) = 0", "is        Y(X, K)")


@pytest.mark.parametrize(
    ("actual", "terms"),
    [
        pytest.param(A + 1, TERMS, id="no combination of them"),
        pytest.param(A, {"Y(V, K)": A, "Y(X, W)": A}, id="either of two"),
        pytest.param(None, TERMS, id="no tensor"),
        pytest.param(torch.ones(3, 2), TERMS, id="another shape"),
    ],
)
def test_where_that_is_not_known_the_formula_is_told_alone(
    actual: torch.Tensor | None, terms: dict[str, torch.Tensor]
) -> None:
    told = explained_in_terms(WRONG, actual, terms, OTHERS, where="V: a tangent")

    assert told.cause == ""
    assert told.lines == ("1 of 2 elements is wrong", "should be Y(V, K) + Y(X, W)", "V: a tangent")


def test_what_is_right_stays_as_it_is() -> None:
    right = Judgement("jvp", "tangent of Y", Verdict.EXACT)
    assert explained_in_terms(right, A + B, TERMS, OTHERS, where="") is right


@pytest.mark.parametrize(
    ("actual", "terms"),
    [
        pytest.param(A + B, TERMS, id="the sum"),
        pytest.param(0 * A, {}, id="a sum of no terms"),
    ],
)
def test_where_the_numbers_are_right_and_only_the_dtype_is_not_no_term_is_blamed(
    actual: torch.Tensor, terms: dict[str, torch.Tensor]
) -> None:
    assert explained_in_terms(WRONG, actual, terms, OTHERS, where="V: a tangent") == WRONG
