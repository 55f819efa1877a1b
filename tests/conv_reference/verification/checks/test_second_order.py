from __future__ import annotations

from typing import Any

import pytest
import several
import torch
from modes import (
    FollowsG,
    FollowsGForX,
    ForgetsCrossTerm,
    GradientTakenForConstant,
    Once,
    Right,
    ask,
    dtypes_of,
    verdicts,
    wrong,
)

from conv_reference import functional, layer
from conv_reference.geometry import Geometry
from conv_reference.verification.checks import all_checks
from conv_reference.verification.faults.collection import FAULTS
from conv_reference.verification.model.result import Verdict

RIGHT = [
    torch.nn.functional.conv2d,
    torch.nn.Conv2d,
    functional.conv2d,
    layer.ConvLayer_1,
    Right,
]


@pytest.mark.parametrize("implementation", RIGHT, ids=lambda i: i.__name__)
def test_what_is_right_is_exact(implementation: Any) -> None:
    for dtype in dtypes_of(implementation):
        assert verdicts(ask(implementation, "double_backward", dtype)) == {Verdict.EXACT}
    assert verdicts(ask(implementation, "gradgradcheck")) == {Verdict.EXACT}


def test_groups_strides_and_dilation_are_exact() -> None:
    judgements = ask(
        torch.nn.functional.conv2d, "double_backward", "float32", "n2 c4 h7 w8 o6 k2x3 s2x3 d2x1 g2"
    )
    assert verdicts(judgements) == {Verdict.EXACT}


def test_an_upstream_gradient_taken_for_a_constant_is_missed() -> None:
    assert wrong(ask(GradientTakenForConstant, "double_backward")) == {
        "gradient of ⟨V, dX⟩ + ⟨W, dK⟩ in G",
        "gradient of ⟨V, dX⟩ in G",
        "gradient of ⟨W, dK⟩ in G",
    }
    assert wrong(ask(GradientTakenForConstant, "gradgradcheck")) == {"second order"}


def test_one_forgotten_term_is_named() -> None:
    assert wrong(ask(ForgetsCrossTerm, "double_backward")) == {
        "gradient of ⟨V, dX⟩ + ⟨W, dK⟩ in K",
        "gradient of ⟨V, dX⟩ in K",
    }


@pytest.mark.parametrize(("implementation", "lost"), [(FollowsG, "XK"), (FollowsGForX, "K")])
def test_a_gradient_penalty_hands_a_g_that_asks_for_no_gradient(
    implementation: Any, lost: str
) -> None:
    judgements = ask(implementation, "double_backward")
    assert wrong(judgements) == {f"gradient of ⟨V, dX⟩ + ⟨W, dK⟩ in {letter}" for letter in lost}
    said = [j.explanation for j in judgements if j.verdict is Verdict.WRONG]
    assert all(s.startswith("where G asks for no gradient, as that of Y.sum() does") for s in said)


@pytest.mark.parametrize("check", ["double_backward", "gradgradcheck", "third_order"])
def test_what_is_differentiable_once_is_unsupported(check: str) -> None:
    assert verdicts(ask(Once, check)) == {Verdict.UNSUPPORTED}


@pytest.mark.parametrize("implementation", RIGHT, ids=lambda i: i.__name__)
def test_the_third_order_of_what_is_right_is_exact(implementation: Any) -> None:
    for dtype in dtypes_of(implementation):
        assert verdicts(ask(implementation, "third_order", dtype)) == {Verdict.EXACT}


def test_second_derivatives_taken_for_constants_are_found() -> None:
    (judgement,) = ask(FAULTS["no_third_order"].function, "third_order")
    assert judgement.explanation == "the second derivatives are taken for constants"


def test_a_weight_gradient_that_leads_nowhere_has_no_third_order() -> None:
    (judgement,) = ask(several.saves_what_it_padded, "third_order")
    assert (judgement.verdict, judgement.actual) == (Verdict.WRONG, "no gradient")


def test_finite_differences_of_an_empty_batch_are_not_asked_for() -> None:
    """Of a NaN in the gradients of none torch's own check raises."""
    check = all_checks()["gradgradcheck"]
    assert check.answers(Geometry.parse("n1 h2 w3 k1"))
    assert not check.answers(Geometry.parse("n0 h2 w3 k1"))
