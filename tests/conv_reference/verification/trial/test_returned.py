"""A gradient of another shape than its input is wrong, though torch would sum it to size."""

from __future__ import annotations

from typing import Any

import misfits
import pytest
import torch
from judging import failures, judged
from torch.autograd.function import BackwardCFunction

from conv_reference.verification.faults import direct
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.trial.returned import intercepted_backward

ONE = "certificate float32 n1 c1 h1 w1 o1 k1"
SMALL = "certificate float32 n2 c1 h3 w4 o2 k1x1"


@pytest.mark.parametrize(
    ("implementation", "case", "quantity", "said"),
    [
        (
            misfits.empty_input_gradient,
            ONE,
            "dX",
            "dX: backward returned (1, 1, 0, 0), X is (1, 1, 1, 1)",
        ),
        (
            misfits.repeated_kernel_gradient,
            SMALL,
            "dK",
            "dK: backward returned (2, 2, 2, 1), K is (2, 1, 1, 1)",
        ),
        (  # which torch refuses
            misfits.cropped_input_gradient,
            SMALL,
            "dX",
            "dX: backward returned (2, 1, 3, 3), X is (2, 1, 3, 4)",
        ),
        (
            misfits.cropped_in_nhwc,
            SMALL,
            "dX",
            "dX: backward returned (2, 2, 4, 1), X, as it is laid out there, is (2, 3, 4, 1)",
        ),
        (
            misfits.stacked_adapter,
            SMALL,
            "dX",
            "dX: vjp returned (2, 2, 1, 3, 4), X is (2, 1, 3, 4)",
        ),
        (
            misfits.float64_adapter,
            SMALL,
            "dK",
            "dK: vjp returned torch.float64, K is torch.float32",
        ),
    ],
    ids=[
        "summed to zero",
        "summed",
        "refused",
        "in NHWC",
        "an adapter's",
        "another dtype of an adapter's",
    ],
)
def test_what_is_returned_in_another_shape_is_wrong_shape_for_shape(
    implementation: Any, case: str, quantity: str, said: str
) -> None:
    assert failures(implementation, case) == {("shapes", quantity): said}


def test_a_shape_of_the_second_order_is_seen_too() -> None:
    case = "double_backward float32 n1 c2 h3 w4 o2 k2"
    said = "dG: backward returned (2, 2, 2, 3), G is (1, 2, 2, 3)"
    assert said in failures(misfits.second_order_repeated, case).values()


def test_zeros_in_place_of_none_are_traced_to_who_returned_none() -> None:
    said = failures(misfits.through_a_padded_input, SMALL)["grad_input", "dX"]
    assert said.endswith("backward returned None for an input of (2, 1, 3, 4)")


@pytest.mark.parametrize(
    ("implementation", "said"),
    [
        (misfits.with_a_dimension_more, "backward returns dX with dimensions of 1 more"),
        (misfits.in_float64, "backward returns dK with another dtype, which torch casts"),
    ],
)
def test_what_torch_mends_without_a_loss_is_observed(implementation: Any, said: str) -> None:
    found = judged(implementation, SMALL)
    assert all(judgement.verdict == Verdict.EXACT for judgement in found)
    assert said in [judgement.observed for judgement in found]


def test_what_fits_is_not_mentioned_and_nothing_stays_changed() -> None:
    before = BackwardCFunction.apply
    assert not failures(direct.conv2d, SMALL)
    assert not failures(misfits.returning(), SMALL)
    with pytest.raises(ZeroDivisionError):
        _divides_by_zero_while_overheard()
    assert BackwardCFunction.apply is before


def _divides_by_zero_while_overheard() -> None:
    with intercepted_backward({}):
        _ = 1 // 0


class _OfMany(torch.autograd.Function):
    """Takes what is no tensor between those that are, and one that asks for nothing."""

    @staticmethod
    def forward(ctx: Any, a: Any, X: Any, c: Any, K: Any) -> Any:
        ctx.save_for_backward(X, K)
        return X.sum() * K.sum() + c.sum()

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        X, K = ctx.saved_tensors
        return None, torch.ones_like(X), None, torch.ones(3, *K.shape)


def test_returned_values_are_counted_against_the_arguments_that_ask() -> None:
    X, K, c = torch.ones(2, requires_grad=True), torch.ones(4, requires_grad=True), torch.ones(5)
    with intercepted_backward({"dX": X, "dK": K}) as heard:
        torch.autograd.grad(_OfMany.apply("a", X, c, K), (X, K))  # type: ignore[no-untyped-call]  # as above
    assert [str(misfit) for misfit in heard] == ["dK: backward returned (3, 4), K is (4,)"]
