"""Where a fault begins and ends is read off the target, on both sides of the smallest case."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import conv2d

from conv_reference.verification.diagnosis.bench import Bench
from conv_reference.verification.diagnosis.failing_cases.around_smallest import (
    around,
    with_all_gradients,
)
from conv_reference.verification.diagnosis.failing_cases.size_limits import between
from conv_reference.verification.execution import Settings
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.judgement import Failure
from conv_reference.verification.target.conventions import as_target
from conv_reference.verification.work.here import Here

PIXEL = "certificate float32 h1 w1 k1 grad= nobias"
Guard = Callable[[Tensor, Tensor, dict[str, Any]], bool]

SAID = (
    "Around the smallest case alone, one size moved at a time, it fails where {}, and passes just "
    "outside: other cases may have other limits."
)
MOVED = "one size moved at a time"
WITH_INPUT = f"{MOVED} (the input's with it, so that the output's stays)"


def wrong_where(guard: Guard) -> Any:
    """A convolution that is one too large where the guard holds."""

    def conv(
        input: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> Tensor:
        Y = conv2d(input, weight, bias, stride, padding, dilation, groups)
        given = {"bias": bias, "stride": stride, "padding": padding, "dilation": dilation}
        return Y + 1 if guard(input, weight, {**given, "groups": groups, "Y": Y}) else Y

    return conv


def bench_of(target: Any) -> Bench:
    judged, settings = as_target(target), Settings(seed=0, device="cpu")
    return Bench(judged, Here(judged), settings, (), (), math.inf)


def said(target: Any, smallest: str) -> str:
    """Of the first failure on a case that is small already."""
    bench, case = bench_of(target), Case.parse(smallest)
    return around(bench.failures_on([case])[case][0], bench, lambda _: True)


@pytest.mark.parametrize(
    ("guard", "smallest", "where"),
    [
        pytest.param(
            lambda X, K, given: 5 <= X.shape[0] <= 7 and K.shape[0] > 2,
            "certificate float32 n5 h1 w1 o3 k1 grad= nobias",
            "5 ≤ n ≤ 7 and o ≥ 3",
            id="from, to",
        ),
        pytest.param(
            lambda X, K, given: X.shape[1] == K.shape[0] == K.shape[1] > 2,
            "certificate float32 c3 h1 w1 o3 k1 grad= nobias",
            "c = o and g = 1",
            id="equal",
        ),
        pytest.param(
            lambda X, K, given: given["stride"][0] < given["stride"][1],
            "certificate float32 h1 w1 k1 s1x2 grad= nobias",
            "sw > sh",
            id="larger",
        ),
        pytest.param(
            lambda X, K, given: given["stride"][0] != given["stride"][1],
            "certificate float32 h1 w1 k1 s1x2 grad= nobias",
            "sh ≠ sw",
            id="other than",
        ),
        pytest.param(
            lambda X, K, given: K.shape[3] >= given["stride"][1],
            "certificate float32 h1 w4 k1x3 s1x3 grad= nobias",
            "kw ≥ sw",
            id="at least as large, and the case is that which is shown",
        ),
        pytest.param(
            lambda X, K, given: K.shape[0] % 4 == 3,
            "certificate float32 h1 w1 o3 k1 grad= nobias",
            "o % 4 = 3",
            id="remainder of a division",
        ),
        pytest.param(
            lambda X, K, given: given["Y"].numel() > 100,
            "certificate float32 h1 w101 k1 grad= nobias",
            "n·o·oh·ow ≥ 101",
            id="product",
        ),
        pytest.param(
            lambda X, K, given: K.storage_offset() > 0 and given["padding"] == (0, 0),
            "certificate float32 h1 w1 k1 K=sliced grad= nobias",
            "ph = 0, pw = 0 and K has a storage offset",
            id="layout",
        ),
        pytest.param(
            lambda X, K, given: given["bias"] is None and given["Y"].shape[3] < 9,
            PIXEL,
            "ow ≤ 8 and there is no bias",
            id="bias",
        ),
        pytest.param(
            lambda X, K, given: X.shape[1] == 64,
            "certificate float32 c64 h1 w1 k1 grad= nobias",
            "c = 64 and g = 1",
            id="one value, a large one",
        ),
        pytest.param(
            lambda X, K, given: K.shape[0] % 32 == 0,
            "certificate float32 h1 w1 o32 k1 grad= nobias",
            "o % 32 = 0",
            id="as wide as a vector",
        ),
        pytest.param(
            lambda X, K, given: K.shape[2] >= given["stride"][0] + 2,
            "certificate float32 h3 w1 k3x1 grad= nobias",
            "kh ≥ sh + 2",
            id="larger by two",
        ),
        pytest.param(
            lambda X, K, given: not X.is_contiguous(),
            "certificate float32 c2 h1 w2 k1 X=channels_last grad= nobias",
            "c ≥ 2, ow ≥ 2 and X is not contiguous",
            id="not contiguous",
        ),
        pytest.param(
            lambda X, K, given: (X.shape[3] - K.shape[3]) % given["stride"][1] > 0,
            "certificate float32 h1 w2 k1 s1x2 grad= nobias",
            "sw ≥ 2 and the stride leaves a remainder in w",
            id="a remainder",
        ),
        pytest.param(
            lambda X, K, given: X.shape[3] % 2 == 1,
            "certificate float32 h1 w3 k1x2 grad= nobias",
            "w % 2 = 1",
            id="an odd input, whatever the kernel and the stride",
        ),
        pytest.param(
            lambda X, K, given: (X.shape[3] + 2 * given["padding"][1]) % 4 == 3,
            "certificate float32 h1 w3 k1x2 grad= nobias",
            "(w + 2·pw) % 4 = 3",
            id="a remainder of the padded input",
        ),
        pytest.param(
            lambda X, K, given: given["Y"].shape[3] % 2 == 1,
            "certificate float32 h1 w3 k1x1 grad= nobias",
            "ow % 2 = 1",
            id="an odd output, whatever the input",
        ),
        pytest.param(lambda *_: True, PIXEL, "", id="everywhere"),
    ],
)
def test_where_it_fails(guard: Guard, smallest: str, where: str) -> None:
    """Who moves a kernel or a stride alone moves the output, too: the sentence says what we did."""
    sentence = SAID.format(where)
    if where in {"sw > sh", "sh ≠ sw", "kw ≥ sw", "kh ≥ sh + 2"} or where.startswith("sw ≥ 2"):
        sentence = sentence.replace(MOVED, WITH_INPUT)
    assert said(wrong_where(guard), smallest) == (sentence if where else "")


def test_a_check_with_sizes_of_its_own_does_not_hide_the_threshold() -> None:
    """Its planes have tens of thousands of pixels; the certificate is asked below."""
    target = wrong_where(lambda X, K, given: X.shape[3] > 129)
    sentence = SAID.format("ow ≥ 130")
    assert said(target, "large float32 h1 w65543 k1x3 values=sparse grad= nobias") == sentence


def test_of_an_answer_that_changes_nothing_is_said() -> None:
    """A neighbour that passes may fail the next time."""
    generator = torch.Generator().manual_seed(0)
    target = wrong_where(lambda *_: bool(torch.rand(1, generator=generator) < 0.7))
    bench = bench_of(target)
    case, found = Case.parse(PIXEL), list[Failure]()
    while not found:
        found = bench.failures_on([case])[case]
    assert around(found[0], bench, lambda _: True) == ""


def test_of_a_fault_that_shows_now_and_then_neighbours_are_asked_often_enough() -> None:
    """One call in four is wrong, of two samples and more."""
    generator = torch.Generator().manual_seed(0)
    target = wrong_where(
        lambda X, K, given: bool(torch.rand(1, generator=generator) < 1 / 4) and X.shape[0] > 1
    )
    bench, case = (
        bench_of(target),
        Case.parse("certificate float32 n2 h1 w1 k1 grad= nobias values=ones"),
    )
    found = list[Failure]()
    while not found:
        found = bench.failures_on([case])[case]
    sentence = SAID.format("n ≥ 2")
    assert around(found[0], bench, lambda _: True) == sentence


@pytest.mark.parametrize(
    "smallest",
    [
        pytest.param("float16 h1 w1 k1 values=heavy_weight", marks=pytest.mark.slow),
        "float32 h1 w1 k1 values=heavy_weight",
    ],
)
def test_of_what_is_rounded_no_upper_limit_is_said(smallest: str) -> None:
    """Sums are the longer, and numbers the smaller, the more samples there are: that is ours."""

    def rounded(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        Y: Tensor = conv2d(input, weight, bias)
        return Y.bfloat16().to(Y.dtype)

    bench, case = bench_of(rounded), Case.parse(f"certificate {smallest} grad= nobias")
    for further in range(40):
        for failure in bench.failures_on([case], further)[case]:
            at_that_seed = replace(bench, settings=replace(bench.settings, seed=further))
            assert around(failure, at_that_seed, lambda _: True) == ""


def test_a_row_that_is_exact_as_a_whole_has_passed() -> None:
    def draws_of_three(input: Tensor, weight: Tensor) -> Tensor:
        if input.shape[0] > 2:
            torch.rand(1)
        return conv2d(input, weight)

    sentence = SAID.format("n ≥ 3")
    assert said(draws_of_three, "global_state float32 n3 h1 w1 k1 grad= nobias") == sentence


def test_where_the_time_ran_out_no_half_of_a_sentence_is_said() -> None:
    bench = bench_of(wrong_where(lambda X, K, given: X.shape[0] > 4))
    case = Case.parse("certificate float32 n5 h1 w1 k1 grad= nobias")
    (failure,) = bench.failures_on([case])[case]
    asked = []

    def is_own(_: Failure) -> bool:  # after so many answers the time is over
        asked.append(1)
        if len(asked) == 20:
            object.__setattr__(bench, "deadline", -math.inf)
        return True

    assert around(failure, bench, is_own) == ""
    assert len(asked) >= 20


@pytest.mark.parametrize(
    ("fails", "limit"),
    [
        ({2: False, 4: False}, "n = 3"),
        ({2: False, 5: False}, "None"),  # of 4 nothing is known
        ({2: False, 4: True, 5: False, 6: True, 7: False, 8: False}, "None"),  # it comes and goes
        ({2: True, 4: True, 5: False}, "n ≤ 4"),
    ],
)
def test_no_limit_is_claimed_that_was_not_met(fails: dict[int, bool], limit: str) -> None:
    assert str(between("n", 3, fails)) == limit


class _Exchanged(torch.autograd.Function):
    """Asks for each operand whether the other needs a gradient."""

    @staticmethod
    def forward(ctx: Any, X: Tensor, K: Tensor) -> Tensor:
        ctx.save_for_backward(X, K)
        return conv2d(X, K)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        (X, K), (G,), (first, second) = ctx.saved_tensors, gradients, ctx.needs_input_grad
        dX = torch.nn.grad.conv2d_input(X.shape, K, G) if second else None
        return dX, torch.nn.grad.conv2d_weight(X, K.shape, G) if first else None


class _Without(_Exchanged):
    """Never has a dK."""

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        X, K = ctx.saved_tensors
        return torch.nn.grad.conv2d_input(X.shape, K, gradients[0]), None


@pytest.mark.parametrize(("function", "is_said"), [(_Exchanged, True), (_Without, False)])
def test_a_gradient_that_is_there_once_all_are_asked_for_is_told(
    function: type[torch.autograd.Function], is_said: bool
) -> None:
    bench = bench_of(function)
    case = Case.parse("certificate float32 h2 w3 k2 grad=K nobias")
    (failure,) = bench.failures_on([case])[case]
    said = with_all_gradients(failure, bench)
    assert said.startswith("Where every gradient is asked for, all are there") == is_said
    assert bool(said) == is_said
