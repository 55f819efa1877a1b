"""Who raises the same whatever is asked is no convolution as it is called: said at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import conv2d

from conv_reference.verification import TargetError, verify
from conv_reference.verification.diagnosis.misfit import misfit
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.judgement import Judgement, Thrown
from conv_reference.verification.model.result import Report, Verdict
from conv_reference.verification.running.judging_cases import MOST_ALIKE
from conv_reference.verification.target.conventions import as_target

pytestmark = pytest.mark.usefixtures("without_circumstances")


def judged(implementation: Callable[..., Any]) -> Report:
    return verify(
        implementation, checks=["certificate"], dtypes=["float32"], cases=200, seed=1, known=None
    )


def test_the_run_ends_after_a_hundred_cases_with_what_was_tried() -> None:
    calls = []

    def wants_seven(x: Tensor, w: Tensor, stride: Any = 1) -> Tensor:
        calls.append(tuple(x.shape))
        return x * int(f"a batch of 7, not {len(x)}")  # a slip: what is raised is a refusal

    with pytest.raises(TargetError) as refused:
        judged(wants_seven)
    assert len(calls) < 10 * MOST_ALIKE  # its convention and its domain are tried, too
    said = str(refused.value)
    assert "wants_seven' does not look like a conv2d: the first 100 cases all raised" in said
    assert "all raised ValueError: invalid literal for int() with base 10: 'a batch of " in said
    assert "(at test_misfit.py:" in said
    assert "its signature is wants_seven(x: 'Tensor', w: 'Tensor', stride: 'Any' = 1) -> " in said
    assert "it was called with X (" in said
    assert "--operator names what it should compute" in said


def backward_raises(input: Tensor, weight: Tensor) -> Tensor:
    class Raising(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, X: Tensor, K: Tensor) -> Tensor:
            return conv2d(X, K)

        @staticmethod
        def backward(ctx: Any, *_: Any) -> Any:
            raise ValueError("not today")

    return Raising.apply(input, weight)  # type: ignore[no-untyped-call,no-any-return]  # torch's


def raises_two_things(input: Tensor, weight: Tensor) -> Tensor:
    if input.numel() % 2:
        return input * int("odd")
    return input.view(7, 7, 7)


def is_right_for_one_tap(input: Tensor, weight: Tensor) -> Tensor:
    if weight.shape[2:].numel() > 1:
        return input * int("a kernel of one tap is all that I know")
    return conv2d(input, weight)


@pytest.mark.parametrize(
    "implementation", [backward_raises, raises_two_things, is_right_for_one_tap]
)
def test_who_answers_or_raises_this_and_that_is_judged(implementation: Callable[..., Any]) -> None:
    report = judged(implementation)
    assert report.judged > MOST_ALIKE
    assert report.verdict == Verdict.RAISED


def test_a_refusal_is_no_misfit() -> None:
    def refuses(input: Tensor, weight: Tensor) -> Tensor:
        raise NotImplementedError("not on this processor")

    assert judged(refuses).verdict == Verdict.UNSUPPORTED


@pytest.mark.parametrize(
    ("name", "tip"),
    [
        ("mine.py:f", "conv-reference try mine.py says what in the file could be one; --operator "),
        ("mine:f", "; --operator names what it should compute where that is another one"),
    ],
)
def test_a_file_is_named_with_the_command_that_looks_into_it(name: str, tip: str) -> None:
    thrown = Judgement("forward", "Y", Verdict.RAISED, thrown=Thrown("ValueError", "no"))
    case = Case.parse("certificate float32 h1 w2 k1x2")
    target = replace(as_target(conv2d), name=name, called_as=("an image of (height, width)",))
    said = misfit(target, case, thrown, 100)
    assert tip in said
    assert "as found by trial: an image of (height, width)" in said


@pytest.mark.parametrize(
    ("thrown", "integers", "is_told"),
    [
        (Thrown("TypeError", "can't multiply a tuple by a tuple"), frozenset(), True),
        (Thrown("TypeError", "can't multiply a tuple by a tuple"), frozenset({"stride"}), False),
        (Thrown("ValueError", "a tuple of seven"), frozenset(), False),
    ],
)
def test_what_could_not_compute_with_a_pair_may_be_given_integers(
    thrown: Thrown, integers: frozenset[str], is_told: bool
) -> None:
    judgement = Judgement("forward", "Y", Verdict.RAISED, thrown=thrown)
    target = replace(as_target(conv2d), integers=integers)
    said = misfit(target, Case.parse("certificate float32 h1 w2 k1x2"), judgement, 100)
    tip = '--as "integers=dilation,padding,stride" gives it integers in place of pairs; --operator '
    assert (tip in said) == is_told


def test_a_helper_out_of_a_table_leads_to_the_tip() -> None:
    def widened(x: Tensor, by: Any) -> Tensor:
        return x.new_zeros(len(x), x.shape[1], x.shape[2] + 2 * by, x.shape[3] + 2 * by)

    def conv(input: Tensor, weight: Tensor, padding: Any = 0) -> Tensor:
        return conv2d({"zeros": widened}["zeros"](input, padding), weight)

    with pytest.raises(TargetError, match='--as "integers=padding" gives it integers'):
        judged(conv)
