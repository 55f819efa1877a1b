from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache

import pytest
from torch.nn.functional import conv2d

from conv_reference.verification.diagnosis.failing_cases.circumstances import (
    FEWEST,
    circumstances,
    contrast,
)
from conv_reference.verification.diagnosis.kinds import kind_of
from conv_reference.verification.model.case import DTYPES, Case, Layout
from conv_reference.verification.model.judgement import (
    NO_GRADIENT,
    Crash,
    Failure,
    Judgement,
    Thrown,
)
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.model.sizes import sizes_of
from conv_reference.verification.plan.bulk import small_cases
from conv_reference.verification.target.conventions import as_target

WRONG = Judgement("forward", "Y", Verdict.WRONG, index=(0, 0, 0, 0), explanation="wrong")


@cache
def cases() -> Sequence[Case]:
    """Three thousand, made when a test asks for them: each worker collects all tests."""
    return tuple(small_cases(as_target(conv2d), tuple(DTYPES.values()), 7, 3000))


def said(fails: Callable[[Case], bool]) -> str:
    return circumstances([case for case in cases() if fails(case)], cases())


@pytest.mark.parametrize(
    ("fails", "conditions"),
    [
        (lambda c: c.geometry.stride[1] == 2, "sw = 2"),
        (lambda c: c.geometry.groups > 1 and max(c.geometry.stride) > 1, "g > 1, sh·sw > 1"),
        (lambda c: c.weight_layout == Layout.CHANNELS_LAST, "K=channels_last"),
        (
            lambda c: c.dtype == DTYPES["bfloat16"] and c.geometry.dilation[0] > 1,
            "dtype bfloat16, dh > 1",
        ),
        (lambda c: any(c.geometry.remainder), "a remainder in h or w"),
        (lambda c: not any(c.geometry.remainder), "no remainder in h and w"),
        (
            lambda c: "b" in c.requires_grad and "K" not in c.requires_grad,
            "dK not asked for, db asked for",
        ),
        (lambda c: c.geometry.batch % 4 == 3, "n % 4 = 3"),
        (lambda c: c.geometry.out_channels % 2 and c.geometry.in_channels > 1, "c > 1, o % 2 = 1"),
        (lambda c: math.prod(c.geometry.kernel_size) % 4 == 3, "kh·kw % 4 = 3"),
        (
            lambda c: c.geometry.stride[1] > 1 and c.geometry.input_size[1] < 9,
            "sw > 1, w < 9",
        ),
        (lambda c: c.geometry.groups > 1 and c.geometry.group_channels[1] > 1, "g > 1, o/g > 1"),
        (lambda c: c.requires_grad == "XK", "grad=XK"),
        (lambda c: sizes_of(c.geometry)["pw"] > 0, "pw > 0"),
        (lambda c: sizes_of(c.geometry)["ph"] > 0, "ph > 0"),
        (lambda c: sizes_of(c.geometry)["blind_rows"] > 0, "outputs in rows of padding"),
        (lambda c: sizes_of(c.geometry)["blind_kernel_columns"] > 0, "taps in columns of padding"),
    ],
)
def test_the_guard_of_a_fault_is_named(fails: Callable[[Case], bool], conditions: str) -> None:
    sentence = said(fails)
    _, _, rest = sentence.partition(" have ")
    named, _, others = rest.partition("; ")
    assert set(named.split(", ")) == set(conditions.split(", "))
    assert others == "no other with that passed."


def test_of_what_holds_of_as_many_a_value_is_named_before_a_remainder() -> None:
    """Of a batch of 0 each division leaves none."""
    others = [case for case in cases() if case.geometry.batch % 2]
    empty = [case.on(replace(case.geometry, batch=0)) for case in others[::20]]
    assert (
        circumstances(empty, others)
        == f"All {len(empty)} have n = 0 (an empty batch); no other with that passed."
    )


@pytest.mark.parametrize(
    ("judgement", "said", "passed"),
    [
        (WRONG, "in which Y is wrong", "gave the right Y"),
        (
            replace(WRONG, check="requires_grad", quantity="dX", actual=NO_GRADIENT),
            "that give no dX",
            "gave one",
        ),
        (
            replace(WRONG, thrown=Thrown("ValueError", "", "no")),
            "that raise this",
            "returned an answer",
        ),
        (replace(WRONG, crash=Crash("killed by SIGSEGV")), "that end so", "returned an answer"),
        (replace(WRONG, check="additivity"), "that fail in additivity", "passed there"),
        (
            replace(WRONG, check="shapes", of_numbers=False),
            "in which Y is of another shape or dtype",
            "gave the right ones",
        ),
    ],
)
def test_in_which_way_the_cases_fail_is_said_where_they_are_counted(
    judgement: Judgement, said: str, passed: str
) -> None:
    """A finding is seen in more cases than fail in the one quantity that is spoken of.

    Of two findings that speak of one size each says in what the others passed.
    """
    failures = [Failure(case, judgement) for case in cases()]
    kind = kind_of(failures[0])
    those = contrast(kind, {kind: failures}, failures, {})
    assert (those.among, those.passed) == (f" cases {said}", passed)


def test_cases_of_one_check_among_those_that_fail_alike_are_said_to_be_of_it() -> None:
    failures = [Failure(case, WRONG) for case in cases()]
    elsewhere = Failure(replace(cases()[0], check="vmap"), WRONG)
    kind = kind_of(elsewhere)
    those = contrast(kind, {kind: [*failures, elsewhere]}, failures, {})
    said = " cases of the check certificate (a call, forward and backward) in which Y is wrong"
    assert those.among == said


def test_of_a_gradient_that_is_wrong_it_is_not_said_that_it_was_asked_for() -> None:
    lost = replace(WRONG, check="requires_grad", quantity="dK", actual=NO_GRADIENT)
    failing = [Failure(case, lost) for case in cases() if "K" in case.requires_grad]
    kind = kind_of(failing[0])
    assert not contrast(kind, {kind: failing}, failing, {"requires_grad": cases()}).passing
    grouped = [failure for failure in failing if failure.case.geometry.groups > 1]
    those = contrast(kind, {kind: grouped}, grouped, {"requires_grad": cases()})
    said = circumstances(those.failing, [*those.passing], among=those.among, passed=those.passed)
    assert (
        said
        == f"All {len(grouped):,} cases that give no dK have g > 1; no other with that gave one."
    )


def test_of_certificates_alone_it_is_not_said_that_they_are() -> None:
    failing = [Failure(case, WRONG) for case in cases() if case.geometry.stride[1] == 2]
    kinds = {kind_of(failure): [failure] for failure in failing}
    of_kind = {kind: [f for f in failing if kind_of(f) == kind] for kind in kinds}

    those = contrast(next(iter(kinds)), of_kind, failing, {"forward": cases()})
    sentence = circumstances(those.failing, [*those.passing], among=those.among)
    said = f"All {len(failing):,} cases in which Y is wrong have sw = 2; no other with that passed."
    assert sentence == said


def test_those_that_meet_the_conditions_and_pass_are_counted() -> None:
    wide = [case for case in cases() if case.geometry.stride[1] == 2]
    sentence = circumstances(wide[3:], cases())
    assert sentence == f"All {len(wide) - 3:,} have sw = 2; 3 others with that passed."
    assert circumstances(wide[1:], cases()).endswith(" have sw = 2; 1 other with that passed.")


def test_what_more_of_the_passing_cases_have_says_nothing() -> None:
    wide = [case for case in cases() if case.geometry.stride[1] == 2]
    assert not circumstances(wide[::4], cases())


def test_few_failures_and_failures_everywhere_say_nothing() -> None:
    few = [case for case in cases() if case.geometry.stride[1] == 2][: FEWEST - 1]
    assert not circumstances(few, cases())
    assert not circumstances(cases(), cases())
    assert not circumstances([], cases())


def test_what_the_smallest_failing_case_lacks_is_not_named() -> None:
    failing = [c for c in cases() if c.geometry.stride[1] == 2 and c.geometry.kernel_size[1] > 1]
    small = Case.parse("certificate float64 h1 w3 k1 s1x2")
    assert "kw > 1" in circumstances(failing, cases())
    assert "kw > 1" not in circumstances(failing, cases(), smallest=small)


def test_a_contiguous_view_behind_an_offset_is_not_called_otherwise() -> None:
    sentence = said(lambda c: c.input_layout in {Layout.OFFSET, Layout.SLICED})
    assert "X not contiguous" not in sentence


def test_where_others_failed_so_as_well_it_is_said_of_which_it_speaks() -> None:
    failing = [case for case in cases() if case.geometry.groups > 1]
    said = circumstances(failing, cases(), among=" of the certificate")
    assert said.startswith(f"All {len({*failing})} of the certificate have g > 1")


def test_where_some_raise_a_wrong_answer_counts_as_one() -> None:
    """An FFT raises at one column, and is wrong there with padding: that is an answer."""
    thrown = replace(WRONG, thrown=Thrown("RuntimeError", "", "no data points"))
    of_stride = [case for case in cases() if case.geometry.stride[1] == 2]
    raising = [Failure(case, thrown) for case in of_stride if case.bias]
    numbers = [Failure(case, WRONG) for case in of_stride if not case.bias]
    every, kind = [*raising, *numbers], kind_of(raising[0])
    those = contrast(kind, {kind: raising}, every, {"forward": cases()})
    assert {failure.case for failure in numbers} <= {*those.passing}
    said = circumstances(those.failing, [*those.passing], passed=those.passed)
    assert said.endswith(" have sw = 2, a bias; no other with that returned an answer.")

    # One whose shape is wrong never came to the numbers, and answered all the same.
    shape = replace(WRONG, check="shapes", of_numbers=False)
    shapes = [Failure(case, shape) for case in of_stride if not case.bias]
    judged_in = {"forward": [f.case for f in raising], "shapes": cases()}
    those = contrast(kind, {kind: raising}, [*raising, *shapes], judged_in)
    assert {failure.case for failure in shapes} <= {*those.passing}
