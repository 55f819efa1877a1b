from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import conv1d, conv2d

from conv_reference.geometry import Geometry
from conv_reference.verification import verify
from conv_reference.verification.execution import Settings, judge_case
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.judgement import Crash
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.running.learned_domain import Limits, learned
from conv_reference.verification.target.conventions import as_target
from conv_reference.verification.target.target import Target
from conv_reference.verification.work.here import Here

pytestmark = pytest.mark.usefixtures("without_circumstances")

SETTINGS = Settings(seed=0, device="cpu")
DTYPES = (torch.float32, torch.float16)


def limited(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """It declares what it does not do."""
    if groups != 1:
        raise ValueError("groups are not supported")
    assert weight.shape[2] == weight.shape[3], "square kernels only"
    if input.dtype == torch.float16:
        raise TypeError("no half precision")
    return conv2d(input.double(), weight.double(), None, stride, padding, dilation).to(
        input.dtype
    ) + (0 if bias is None else bias[:, None, None])


def inconsistent(input: Tensor, weight: Tensor, stride: Any = 1, groups: int = 1) -> Tensor:
    """It finds out too late, in the midst of computing: that is no refusal."""
    Y = conv2d(input, weight, None, stride, 0, 1, groups)
    if groups > 1:
        raise ValueError("lost my way")
    return Y


def plain(input: Tensor, weight: Tensor) -> Tensor:
    return conv2d(input, weight)


def limits_of(function: Any) -> Limits:
    target = as_target(function)
    return learned(target, DTYPES, Here(target), SETTINGS)


def test_what_is_refused_on_purpose_is_learned() -> None:
    limits = limits_of(limited)
    assert limits.where == "g == 1 and kh == kw"
    assert limits.refuses == (
        "g > 1 (ValueError: groups are not supported)",
        "kh != kw (AssertionError: square kernels only)",
        "float16 (TypeError: no half precision)",
    )
    assert (limits.by_torch, limits.answered) == (limits.answered, limits.answered)


def test_a_convolution_of_indices_is_not_what_computes_the_answer() -> None:
    def by_einsum(input: Tensor, weight: Tensor) -> Tensor:
        rows = torch.arange(1.0, input.shape[2] + 1)[None, None]
        conv1d(rows, torch.ones(1, 1, weight.shape[2]))  # of which only the size is used
        windows = input.unfold(2, weight.shape[2], 1).unfold(3, weight.shape[3], 1)
        return torch.einsum("nchwij,ocij->nohw", windows, weight)

    limits = limits_of(by_einsum)
    assert limits.by_torch < limits.answered


def of_indices(input: Tensor, weight: Tensor) -> Tensor:
    """By no convolution of torch's, nor by a product of matrices."""
    windows = input.unfold(2, weight.shape[2], 1).unfold(3, weight.shape[3], 1)
    return torch.einsum("nchwij,ocij->nohw", windows, weight)


def test_where_torch_computes_a_part_it_is_said_by_what_these_cases_have_in_common() -> None:
    def mixed(input: Tensor, weight: Tensor, padding: Any = 0, groups: int = 1) -> Tensor:
        is_own = groups == 1 and weight.shape[2:] != (1, 1) and input.dtype != torch.float16
        if is_own and padding in {0, (0, 0)}:
            return of_indices(input, weight)
        return conv2d(input, weight, padding=padding, groups=groups)

    def now_and_then(input: Tensor, weight: Tensor) -> Tensor:
        return (conv2d if input.shape[2] == 7 else of_indices)(input, weight)

    limits = limits_of(mixed)
    assert limits.by_torch_where == ("kh == kw == 1", "ph > 0 or pw > 0", "g > 1", "float16")
    limits = limits_of(now_and_then)
    assert limits.by_torch_where == ()
    assert 0 < limits.by_torch < limits.answered


def test_a_size_that_is_refused_in_every_dtype_is_no_refusal_of_a_dtype() -> None:
    def pointwise(input: Tensor, weight: Tensor) -> Tensor:
        if weight.shape[2:] != (1, 1):
            raise NotImplementedError("only 1x1 kernels")
        if input.dtype == torch.bfloat16:
            raise TypeError("no bfloat16")
        return conv2d(input, weight)

    target = as_target(pointwise)
    limits = learned(target, (*DTYPES, torch.bfloat16), Here(target), SETTINGS)
    assert limits.refuses == (
        "kh != 1 or kw != 1 (NotImplementedError: only 1x1 kernels)",
        "bfloat16 (TypeError: no bfloat16)",
    )
    assert limits.where == "kh == kw == 1"


def test_a_dtype_that_is_refused_at_some_sizes_stays_in_the_run() -> None:
    def by_eight(input: Tensor, weight: Tensor) -> Tensor:
        if input.dtype == torch.float16 and weight.shape[1] % 4 == 0:
            raise ValueError("in half precision no multiples of four")
        return conv2d(input, weight)

    limits = limits_of(by_eight)
    assert not limits.dtypes
    assert not limits.refuses


class Cut(Here):
    """A place at which the clock cuts after some cases, or whose process ends in each."""

    most: int
    crash: Crash | None = None
    asked = 0

    def run(self, *given: Any, **named: Any) -> Any:
        for number, result in super().run(*given, **{**named, "deadline": None}):
            if self.asked == self.most:
                return
            self.asked += 1
            yield number, self.crash or result


def cut(function: Any, most: int, crash: Crash | None = None) -> tuple[Cut, Limits]:
    target = as_target(function)
    place = Cut(target)
    place.most, place.crash = most, crash
    return place, learned(target, DTYPES, place, SETTINGS, deadline=0.0)


def of_odd_kernels(input: Tensor, weight: Tensor) -> Tensor:
    if weight.shape[2] % 2 == 0 or weight.shape[3] % 2 == 0:
        raise ValueError("odd kernels only")
    return conv2d(input, weight)


@pytest.mark.parametrize("function", [limited, of_odd_kernels])
def test_of_what_is_cut_nothing_is_learned_that_all_would_not_show(function: Any) -> None:
    """Of the first few kernels one is of unequal sides, and refused: for its even side."""
    whole = limits_of(function)
    for most in range(8):
        _, limits = cut(function, most)
        assert (limits.tried, limits.missed > 0) == (most, True)
        assert {*limits.refuses} <= {*whole.refuses}
        assert {*limits.where.split(" and ")} <= {"", *whole.where.split(" and ")}


def test_the_lightest_are_put_first() -> None:
    target, products = as_target(plain), []

    def noted(_: Any, case: Case, __: Any) -> None:
        g = case.geometry
        products.append(g.batch * math.prod(g.output_size) * math.prod(g.weight_shape))

    class Noting(Here):
        def run(self, function: Any, *given: Any, **named: Any) -> Any:
            return super().run(noted, *given, **named)

    learned(target, DTYPES[:1], Noting(target), SETTINGS)
    assert products == sorted(products)
    assert len(products) > 30


def test_a_target_that_ends_each_process_is_not_asked_on_and_on() -> None:
    place, limits = cut(plain, 100, Crash("killed by SIGKILL"))
    assert place.asked == 3
    assert limits == Limits()


def test_what_the_clock_did_not_let_be_learned_is_said() -> None:
    """And nothing of it is taken for granted."""
    report = verify(plain, dtypes="float32", budget=0.01, checks="grad_bias")
    assert not any("not learned" in str(note) for note in report.notes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("conv_reference.verification.options.clock.starting", lambda _: -1.0)
        report = verify(plain, dtypes="float32", budget=0.01, checks="certificate")
    (note,) = (note for note in report.notes if note.text.startswith("not learned"))
    assert re.fullmatch(
        r"not learned in the -1 s for that: what it refuses, on all \d+ small cases"
        r"(; whether it passes on all \d+ known defects of torch's)?",
        note.text,
    )


def test_what_is_refused_for_its_size_is_not_laid_to_what_small_images_do_not_show() -> None:
    def narrow(input: Tensor, weight: Tensor, stride: Any = 1) -> Tensor:
        if input.shape[3] > 3:
            raise ValueError("too wide")
        return conv2d(input, weight, None, stride)

    limits = limits_of(narrow)
    assert not limits.refuses
    assert not limits.where


def test_who_refuses_nearly_everything_is_not_called_right() -> None:
    def tiny(input: Tensor, weight: Tensor) -> Tensor:
        if max(*input.shape, *weight.shape) > 1 or input.requires_grad:
            raise NotImplementedError("one pixel only")
        return conv2d(input, weight)

    assert limits_of(tiny).refuses == (
        "each of some fifty small sizes (NotImplementedError: one pixel only)",
    )
    report = verify(tiny, checks="certificate", dtypes="float64", cases=300, seed=1, known=None)
    assert 0 < report.judged - report.refused < report.judged / 20
    assert report.is_right
    assert not report.passed
    said = "barely tried: nothing wrong, but under 5% of the cases were answered, on "
    assert said in str(report).splitlines()[0]


Answers = Callable[[int, int, int], bool]


def made_for(sizes: str, answered: Answers) -> Target:
    """One that is made for given sizes, and refuses all but the n, h and w that it answers."""

    def compiled(input: Tensor, weight: Tensor) -> Tensor:
        n, _, h, w = input.shape
        if not answered(n, h, w):
            raise ValueError(f"compiled for {sizes}")
        return conv2d(input, weight)

    return replace(as_target(compiled), own=Geometry.parse(sizes))


@pytest.mark.parametrize(
    ("answered", "where"),
    [
        (lambda *sizes: sizes == (3, 10, 12), "n == 3 and h == 10 and w == 12"),
        (lambda _, *sizes: sizes == (10, 12), "h == 10 and w == 12"),
    ],
)
def test_who_is_compiled_for_its_own_sizes_is_asked_there_and_passes(
    answered: Answers, where: str
) -> None:
    target = made_for("n3 c3 h10 w12 o4 k3", answered)
    report = verify(target, checks="certificate", dtypes="float32", cases=60, seed=1, known=None)
    assert report.passed, str(report)
    assert (report.where, report.refused) == (where, 0)
    assert report.judged > 20
    (said,) = report.refuses
    assert said.startswith(f"each of some fifty small sizes but where {where} (ValueError: ")


@pytest.mark.parametrize("answered", [lambda *_: False, lambda *sizes: sizes == (1, 3, 3)])
def test_who_refuses_its_own_sizes_or_answers_others_is_not_restricted_to_them(
    answered: Answers,
) -> None:
    target = made_for("n3 c3 h10 w12 o4 k3", answered)
    assert "h == 10" not in learned(target, DTYPES[:1], Here(target), SETTINGS).where


@pytest.mark.slow
def test_what_goes_wrong_in_the_midst_is_no_refusal() -> None:
    assert limits_of(inconsistent).refuses == ()
    report = verify(inconsistent, checks="certificate", dtypes="float64", cases=60, known=None)
    assert report.verdict == Verdict.RAISED


def test_later_cases_are_inside_and_the_report_says_where() -> None:
    report = verify(limited, dtypes="float32", checks="certificate", cases=80, seed=1, known=None)
    assert report, str(report)
    assert report.where == "g == 1 and kh == kw"
    assert not report.refused
    text = str(report)
    assert "refuses: g > 1 (ValueError: groups are not supported)" in text
    assert ", where g == 1 and kh == kw" in text.splitlines()[-1]


def test_strict_makes_refusals_failures() -> None:
    strict = verify(
        limited, dtypes="float32", checks="certificate", cases=80, known=None, strict=True
    )
    assert strict.verdict == Verdict.RAISED
    assert not strict.refuses


@pytest.mark.parametrize(
    "where",
    ["sh == sw == 1 and kh == kw == 3", pytest.param("g == c and c > 1", marks=pytest.mark.slow)],
)
def test_a_domain_that_is_given_is_where_all_cases_are(where: str) -> None:
    asked: list[Geometry] = []

    def noted(
        input: Tensor, weight: Tensor, stride: Any = 1, padding: Any = 0, groups: int = 1
    ) -> Tensor:
        X = input.detach()
        kh, kw = weight.shape[2:]
        asked.append(
            Geometry(
                batch=len(X),
                in_channels=X.shape[1],
                out_channels=len(weight),
                input_size=(X.shape[2], X.shape[3]) if X.shape[2] else (1, 1),
                kernel_size=(kh, kw),
                stride=stride if isinstance(stride, tuple) else (stride, stride),
                groups=groups,
                padding=((9, 9), (9, 9)),
            )
        )
        return conv2d(input, weight, None, stride, padding, 1, groups)

    target = as_target(noted).within(where)
    asked.clear()  # by the trial that finds how it is called
    report = verify(target, dtypes="float32", cases=1, seed=2, known=None, where=where)
    assert report, str(report)
    assert report.where == where
    assert asked
    # An empty batch has a geometry as well; the domain says nothing of it.
    assert all(g in target.domain for g in asked if g.batch), where


def test_a_domain_without_any_size_is_refused() -> None:
    with pytest.raises(ValueError, match="no sizes where g > 1"):
        verify(plain, where="g > 1")
    with pytest.raises(ValueError, match="not a predicate over sizes"):
        verify(conv2d, where="x == 1")


def test_a_refusal_of_one_case_is_unsupported_with_its_reason() -> None:
    case = Case(check="certificate", geometry=Geometry.parse("c2 h3 w3 o2 k1 g2"))
    (judgement,) = judge_case(as_target(limited), case, SETTINGS)
    assert judgement.verdict == Verdict.UNSUPPORTED
    assert "groups are not supported" in judgement.actual


def lost_without_groups(input: Tensor, weight: Tensor, groups: int = 1) -> Tensor:
    """It fails in the midst of the plainest sizes, before it says what it does not do."""
    if groups == 1:
        raise RuntimeError(f"lost at {float((input * 2).sum())}")
    if input.dtype == torch.float16:
        raise TypeError("no half precision")
    return conv2d(input, weight, groups=groups)


def test_a_dtype_is_asked_of_sizes_that_are_answered_not_of_those_that_raise() -> None:
    assert limits_of(lost_without_groups).refuses == ("float16 (TypeError: no half precision)",)


def odd_or_nothing(input: Tensor, weight: Tensor) -> Tensor:
    """Even kernels end the program, without a word."""
    if weight.shape[2] % 2 == 0 or weight.shape[3] % 2 == 0:
        raise SystemExit
    return conv2d(input, weight)


def test_an_exit_is_a_refusal_and_without_a_message_told_by_its_type() -> None:
    limits = limits_of(odd_or_nothing)
    assert limits.refuses == ("kh % 2 == 0 or kw % 2 == 0 (SystemExit)",)
