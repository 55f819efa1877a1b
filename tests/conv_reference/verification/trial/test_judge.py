from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import Any

import pytest
import torch

from conv_reference.geometry import Geometry
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.trial import judge as judging
from conv_reference.verification.trial.judge import (
    Expected,
    can_transform,
    full_bits,
    growth,
    judge,
    kind_mismatch,
    whole,
)

UNIT = 2.0**-24
EXPECTED = Expected(
    value=torch.tensor([[3.0, -4.0]], dtype=torch.float64),
    scale=lambda: torch.tensor([[5.0, 4.0]], dtype=torch.float64),
    terms=2,
    dtype=torch.float32,
    device=torch.device("cpu"),
)
# The greatest Σ|products| is far above that of the element that errs, as beside a large pixel.
UNEVEN = replace(EXPECTED, scale=lambda: torch.tensor([[5.0, 4096.0]], dtype=torch.float64))


def row(*values: float, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.tensor([values], dtype=dtype)


def test_equal_bits_are_exact() -> None:
    judgement = judge("forward", "Y", row(3, -4), EXPECTED)
    assert judgement.is_exact
    assert (judgement.effective_bits, judgement.bound, judgement.index) == (None, None, ())


def test_a_negative_zero_is_zero() -> None:
    zero = replace(EXPECTED, value=torch.zeros(1, 2, dtype=torch.float64))
    assert judge("forward", "Y", row(-0.0, 0.0), zero).is_exact


def test_an_error_within_gamma_is_rounded_with_its_bits() -> None:
    judgement = judge("forward", "Y", row(3 + 2**-22, -4), EXPECTED)

    assert (judgement.verdict, judgement.bound) == (Verdict.ROUNDED, "componentwise")
    assert judgement.effective_bits == pytest.approx(22 + math.log2(5))


def test_noise_below_every_normal_number_costs_no_bits() -> None:
    """A transform leaves it where nothing is summed; it is no infinite error."""
    empty = replace(
        EXPECTED,
        value=torch.tensor([[3.0, 0.0]], dtype=torch.float64),
        scale=lambda: torch.tensor([[4.0, 0.0]], dtype=torch.float64),
        dtype=torch.float16,
    )
    noise = judge("forward", "Y", row(3, 6e-8, dtype=torch.float16), empty)
    assert (noise.verdict, noise.effective_bits) == (Verdict.ROUNDED, 11)  # which the dtype has

    off = 3 + 2.0**-9
    both = judge("forward", "Y", row(off, 6e-8, dtype=torch.float16), empty)
    assert (both.verdict, both.effective_bits) == (Verdict.ROUNDED, 11.0)


def test_where_no_transform_is_in_use_only_the_direct_bound_holds() -> None:
    past = row(3 + 2**-10, -4)  # one unit of 4096 is 2^-12
    direct = replace(UNEVEN, transform=False)

    assert judge("forward", "Y", past, UNEVEN).bound == "normwise"
    assert judge("forward", "Y", past, direct).verdict == Verdict.WRONG
    assert judge("forward", "Y", row(3 + 2**-22, -4), direct).bound == "componentwise"


@pytest.mark.parametrize(
    ("geometry", "dtype", "transform"),
    [
        ("h9 w9 k5 s2", torch.float32, True),
        ("h9 w9 k5 s2", torch.float64, True),
        ("h9 w9 k3", torch.float16, True),
        ("h9 w9 k3", torch.bfloat16, True),
        ("h9 w9 k3x2", torch.float16, False),
        ("h9 w9 k3 s1x2", torch.bfloat16, False),
        ("h9 w9 k3 d2", torch.float16, False),
    ],
)
def test_in_half_precision_only_three_by_three_is_transformed(
    geometry: str, dtype: torch.dtype, transform: bool
) -> None:
    assert can_transform(Geometry.parse(geometry), dtype) == transform


def test_the_two_bounds_are_where_they_are_said_to_be() -> None:
    """γ of 3 terms on a scale of 5, then 2^11 units of the greatest scale, 4096."""
    gamma = 3 * UNIT / (1 - 3 * UNIT) * 5
    normwise = 2.0**11 * UNIT * 4096
    step = 2.0**-22  # of float32 beside 3

    for bound, inside, outside in (
        (gamma, "componentwise", "normwise"),
        (normwise, "normwise", None),
    ):
        steps = math.floor(bound / step)
        held = judge("forward", "Y", row(3 + steps * step, -4), UNEVEN)
        assert (held.verdict, held.bound) == (Verdict.ROUNDED, inside)
        assert judge("forward", "Y", row(3 + (steps + 1) * step, -4), UNEVEN).bound == outside


def test_over_integers_a_long_sum_earns_no_more_than_the_normwise_factor() -> None:
    """γ of a million terms would hide a lost product; a direct algorithm rounds none at all."""
    long = replace(EXPECTED, terms=2**20, scale=lambda: torch.ones(1, 2, dtype=torch.float64))
    lost = row(3 - 2**-10, -4)

    assert judge("forward", "Y", lost, long).verdict == Verdict.WRONG
    assert judge("forward", "Y", lost, long, real=True).bound == "componentwise"


def test_a_precision_that_the_user_allows_is_rounded() -> None:
    ten_bits = row(3, -4 - 2**-8)  # ten bits beside a scale of 5

    assert judge("forward", "Y", ten_bits, EXPECTED).verdict == Verdict.WRONG
    assert judge("forward", "Y", ten_bits, EXPECTED, allowed_bits=10).bound == "normwise"
    assert judge("forward", "Y", ten_bits, EXPECTED, allowed_bits=14).verdict == Verdict.WRONG


def test_the_first_wrong_element_is_named() -> None:
    judgement = judge("grad_input", "dX", row(3, 4), EXPECTED)

    assert (judgement.check, judgement.quantity) == ("grad_input", "dX")
    assert (judgement.verdict, judgement.index) == (Verdict.WRONG, (0, 1))
    assert (judgement.expected, judgement.actual) == ("-4", "4")
    assert judgement.explanation == "1 of 2 elements is wrong: it should be -4, is 4"


def test_an_only_element_is_not_counted() -> None:
    only = replace(EXPECTED, value=EXPECTED.value[:, :1], scale=lambda: torch.tensor([[5.0]]))
    judgement = judge("forward", "Y", row(4), only)

    assert judgement.explanation == "the only element is wrong: it should be 3, is 4"


@pytest.mark.parametrize(
    ("actual", "explanation"),
    [
        (row(3, math.nan), "1 of 2 elements is wrong: it should be -4, is nan"),
        (row(math.inf, -4), "1 of 2 elements is wrong: it should be 3, is inf"),
        (row(math.nan, math.nan), "2 of 2 elements are wrong; the first should be 3, is nan"),
        (
            row(3, -4, 0),
            "should be of shape (1, 2) and torch.float32, is of shape (1, 3) and torch.float32",
        ),
        (
            row(3, -4, dtype=torch.float64),
            "should be of shape (1, 2) and torch.float32, is of shape (1, 2) and torch.float64",
        ),
        (None, "should be a tensor of shape (1, 2) and torch.float32, is no gradient"),
        ([3.0, -4.0], "should be a tensor of shape (1, 2) and torch.float32, is list"),
        (
            torch.empty(1, 2, device="meta"),
            "should be a plain tensor, is without numbers, on meta",
        ),
        (
            row(3, -4).to_sparse(),
            "should be a plain tensor, is of the layout torch.sparse_coo",
        ),
    ],
    ids=["nan", "inf", "all nan", "shape", "dtype", "none", "list", "device", "sparse"],
)
def test_what_is_no_right_answer_is_never_right(actual: Any, explanation: str) -> None:
    judgement = judge("grad_input", "dX", actual, EXPECTED, allowed_bits=1)

    assert judgement.verdict == Verdict.WRONG
    assert judgement.explanation == explanation


def test_a_gradient_that_is_missing_where_it_should_be_zero_says_so() -> None:
    zeros = replace(EXPECTED, value=torch.zeros_like(EXPECTED.value))
    judgement = judge("grad_input", "dX", None, zeros)
    assert judgement.of_zeros
    assert judgement.lacks_gradient
    assert judgement.explanation == (
        "should be zeros of shape (1, 2) and torch.float32, is no gradient: zero is right, and "
        "None was returned"
    )
    assert not judge("grad_input", "dX", None, EXPECTED).of_zeros


class AlwaysEqual(torch.Tensor):
    """Says of itself that it equals anything."""

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.equal:
            return True
        return super().__torch_function__(  # type: ignore[no-untyped-call]  # torch leaves it so
            func, types, args, kwargs or {}
        )


def test_a_subclass_that_says_it_equals_anything_is_wrong() -> None:
    judgement = judge("forward", "Y", row(0, 0).as_subclass(AlwaysEqual), EXPECTED)

    assert judgement.verdict == Verdict.WRONG
    assert judgement.explanation == "should be a plain tensor, is of the subclass AlwaysEqual"
    assert judge("forward", "Y", torch.nn.Parameter(row(3, -4)), EXPECTED).is_exact


def test_a_target_that_replaces_equal_changes_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "equal", lambda *_: True)
    assert judge("forward", "Y", row(0, 0), EXPECTED).verdict == Verdict.WRONG


def test_y_that_is_none_is_no_missing_gradient() -> None:
    assert judge("forward", "Y", None, EXPECTED).actual == "NoneType"


def test_a_nan_equals_not_even_a_nan() -> None:
    nan = replace(EXPECTED, value=torch.full((1, 2), math.nan, dtype=torch.float64))
    assert judge("forward", "Y", row(math.nan, math.nan), nan).verdict == Verdict.WRONG


def test_an_empty_answer_of_the_right_kind_is_exact() -> None:
    empty = replace(EXPECTED, value=torch.empty(0, 2, dtype=torch.float64))
    assert judge("forward", "Y", torch.empty(0, 2), empty).is_exact
    mismatch = kind_mismatch("shapes", "Y", torch.empty(2, 0), empty)
    assert mismatch is not None
    assert mismatch.of_another_kind is True


def test_zero_where_nothing_is_summed_must_be_zero() -> None:
    """Taps that see only padding: there is nothing that rounding could come from."""
    nothing = replace(
        EXPECTED,
        value=torch.zeros(1, 2, dtype=torch.float64),
        scale=lambda: torch.zeros(1, 2, dtype=torch.float64),
    )
    assert judge("forward", "Y", row(0, 1e-20), nothing).verdict == Verdict.WRONG


def test_a_whole_tensor_is_judged_in_the_words_given() -> None:
    assert whole("arguments", "X", "unchanged", "changed").quantity == "X"
    assert whole("arguments", "X", "unchanged", "changed").explanation == (
        "should be unchanged, is changed"
    )
    assert re.match("because", whole("arguments", "X", "a", "b", "because").explanation)


@pytest.mark.parametrize(
    ("dtype", "bits", "factor"),
    [
        (torch.float64, 53, 2**11),
        (torch.float32, 24, 2**11),
        (torch.float16, 11, 2**3),
        (torch.bfloat16, 8, 2**3),
    ],
    ids=str,
)
def test_a_dtype_has_its_bits_and_its_growth(dtype: torch.dtype, bits: int, factor: int) -> None:
    assert full_bits(dtype) == bits
    assert growth(dtype) == factor


def test_a_changed_torch_does_not_make_zeros_right(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(a: torch.Tensor, *_: Any) -> torch.Tensor:
        return a.new_zeros(a.shape)

    for owner, name in ((torch.Tensor, "__sub__"), (torch.Tensor, "abs"), (torch, "sub")):
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, nothing)
            judgement = judge("forward", "Y", row(0, 0), EXPECTED)
        assert judgement.verdict == Verdict.WRONG, name


def test_what_differs_by_nothing_that_can_be_computed_is_wrong(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As where torch was changed before this module kept its functions."""
    monkeypatch.setattr(judging, "_subtract", lambda a, _: a.new_zeros(a.shape))
    judgement = judge("forward", "Y", row(0, 0), EXPECTED)

    assert judgement.verdict == Verdict.WRONG
    assert (judgement.expected, judgement.actual) == ("the oracle's numbers", "others")
    assert judgement.explanation.endswith("torch itself was changed")


def test_a_number_of_a_dtype_that_torch_subtracts_from_no_other_is_judged() -> None:
    narrow = torch.float8_e5m2
    expected = replace(EXPECTED, dtype=narrow)
    right, wrong = (torch.tensor([[3.0, each]]).to(narrow) for each in (-4.0, 8.0))
    verdicts = [judge("forward", "Y", each, expected).verdict for each in (right, wrong)]
    assert verdicts == [Verdict.EXACT, Verdict.WRONG]
