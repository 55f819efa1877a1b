"""A transform is known by the noise that it leaves; its allowance is for nobody else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import faulty
import fewer_bits
import pytest
from judging import failures, judged
from torch import Tensor
from torch.nn.functional import conv2d

from conv_reference.operands import Operands
from conv_reference.verification.execution import Settings, judge_case
from conv_reference.verification.faults import direct
from conv_reference.verification.faults.sound import right
from conv_reference.verification.faults.sound.strassen import strassen
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.result import FAILURES, Verdict
from conv_reference.verification.target.conventions import as_target
from conv_reference.verification.target.target import Call
from conv_reference.verification.trial.transforms import leaves_noise

pytestmark = pytest.mark.untraced

SIZES = "n2 c4 h6 w7 o4 k3 p1"
QUANTITIES = ("Y", "dX", "dK")


def noisy(implementation: Any, dtype: str) -> set[str]:
    trial = Settings(1, "cpu").trial(
        as_target(implementation), Case.parse(f"certificate {dtype} {SIZES}")
    )
    return {quantity for quantity in QUANTITIES if leaves_noise(trial, quantity)}


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
@pytest.mark.parametrize(
    "implementation",
    [right.fft, right.winograd_2, right.winograd_4, strassen],
    ids=["FFT", "F(2×2)", "F(4×4)", "Strassen"],
)
def test_who_mixes_leaves_noise(implementation: Any, dtype: str) -> None:
    assert noisy(implementation, dtype) == {*QUANTITIES}


@pytest.mark.parametrize(
    ("sizes", "quantity"),
    [("n3 c6 h1 w5 o6 k1x2 s2x1 p1x0 d1 g2", "Y"), ("n1 c1 h1 w6 o2 k1x3 s3x2 p2 d1 g1", "dX")],
)
def test_it_leaves_noise_where_every_product_is_with_padding(sizes: str, quantity: str) -> None:
    case = Case.parse(f"certificate float32 {sizes} nobias grad=XK")
    for implementation, leaves in ((right.fft, True), (direct.conv2d, False)):
        trial = Settings(1, "cpu").trial(as_target(implementation), case)
        assert leaves_noise(trial, quantity) is leaves


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
@pytest.mark.parametrize(
    "implementation",
    [direct.conv2d, faulty.detour, faulty.lost_last_tap, fewer_bits.keeping(7)],
    ids=["direct", "two roundings more", "a lost tap", "seven bits"],
)
def test_who_adds_up_products_leaves_none(implementation: Any, dtype: str) -> None:
    assert not noisy(implementation, dtype)


@pytest.mark.parametrize(
    ("check", "dtype", "bits"),
    [
        (check, dtype, bits)
        for check in ("certificate", "precision", "precision_coherent")
        for dtype, bits in (("float32", 16), ("float64", 43))
    ]
    + [("precision", "float32", 20)],  # integers of 20 bits it holds
)
def test_the_allowance_of_a_transform_is_not_for_fewer_bits(
    check: str, dtype: str, bits: int
) -> None:
    found = judged(fewer_bits.keeping(bits), f"{check} {dtype} {SIZES}")
    wrong = {judgement.quantity for judgement in found if judgement.verdict == Verdict.WRONG}
    assert {*QUANTITIES} <= wrong


def test_why_it_is_not_is_said() -> None:
    said = failures(fewer_bits.keeping(16), f"certificate float32 {SIZES}")["forward", "Y"]
    assert said.endswith(
        "; a transform (Winograd, FFT) may round so, but this is none: large numbers leave no "
        "noise in elements that they have no part in"
    )


def test_a_constant_is_no_noise_of_a_transform() -> None:
    def convolve(input: Tensor, weight: Tensor) -> Tensor:
        return conv2d(input, weight) + 2e-3

    assert {*failures(convolve, "certificate float64 n1 c4 h6 w7 o4 k3")} == {("forward", "Y")}


@pytest.mark.parametrize("check", ["certificate", "precision", "precision_coherent"])
@pytest.mark.parametrize(
    "implementation",
    [right.fft, right.winograd_4, strassen, faulty.detour, direct.conv2d],
    ids=["FFT", "F(4×4)", "Strassen", "two roundings more", "direct"],
)
def test_who_rounds_rightly_is_no_alarm(check: str, implementation: Any) -> None:
    for dtype in ("float64", "float32"):
        found = judged(implementation, f"{check} {dtype} {SIZES}")
        assert not [judgement for judgement in found if judgement.verdict in FAILURES]


@pytest.mark.parametrize(
    ("seed", "case"),
    [
        (7, "bfloat16 n2 c9 h3 w1 o9 k1x1 s3x1 p0 d1 g3 values=heavy_input grad= nobias"),
        (8, "float16 n1 c1 h2 w1 o2 k1x1 X=last_chunk K=channels_last_offset values=heavy_input"),
        (8, "float16 n2 c4 h3 w4 o5 k1x1 s3x2 d1x2 G=chunk values=heavy_grad_output"),
        (17, "bfloat16 n1 c5 h4 w1 o10 k1x1 s2x1 g5 X=channels_last_columns values=heavy_input"),
    ],
)
def test_sums_of_blocks_may_round_where_no_transform_is_in_use(seed: int, case: str) -> None:
    """Strassen's exceed the integers of a half where no sum of products does."""
    found = judged(strassen, f"certificate {case}", seed)
    assert Verdict.ROUNDED in {judgement.verdict for judgement in found}
    assert not [judgement for judgement in found if judgement.verdict in FAILURES]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("values", ["heavy_input", "heavy_weight", "balanced"])
@pytest.mark.parametrize("seed", range(4))
def test_sums_of_blocks_that_lose_a_product_are_wrong(dtype: str, values: str, seed: int) -> None:
    """On every case: what is allowed beside a large number is asked again over small ones."""
    case = f"certificate {dtype} n1 c3 h5 w5 o3 k1 nobias values={values}"
    assert ("forward", "Y") in failures(losing(strassen, reach=0), case, seed)


def losing(function: Callable[..., Tensor], reach: int = 1) -> Callable[..., Tensor]:
    """A transform that leaves out one product, of a tap so many rows further down."""

    def convolve(input: Tensor, weight: Tensor) -> Tensor:
        Y = function(input, weight)
        lost = Y.new_zeros(Y.shape)
        lost[0, 1, 2, 3] = 1
        return Y - lost * input[0, -1, 2 + reach, 3] * weight[1, -1, reach, 0]

    return convolve


@pytest.mark.parametrize("seed", range(12))
def test_a_transform_that_loses_a_product_is_wrong_on_every_case(seed: int) -> None:
    """On most it is asked again over ±1, on some over impulses: which, the case says."""
    case = "certificate float32 n1 c16 h7 w8 o4 k3"
    assert ("forward", "Y") in failures(losing(right.fft), case, seed)


def test_of_who_transforms_one_case_in_eight_is_asked_over_impulses() -> None:
    """They cost more than the case: an FFT was judged on a third of the plan."""
    target, calls = as_target(right.fft), list[int]()
    for seed in range(40):
        calls.append(0)

        def counted(case: Case, operands: Operands) -> Call:
            call = target.prepare(case, operands)

            def function(*arguments: Any) -> Any:
                calls[-1] += 1
                return call.function(*arguments)

            return replace(call, function=function)

        case = Case.parse(f"certificate float32 {SIZES} nobias grad=")
        judged = judge_case(replace(target, prepare=counted), case, Settings(seed, "cpu"))
        assert {judgement.verdict for judgement in judged} <= {Verdict.EXACT, Verdict.ROUNDED}
    few = min(calls)
    assert 1 <= sum(number > few + 4 for number in calls) <= 12
