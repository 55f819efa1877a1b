from __future__ import annotations

from typing import Any

import pytest
import torch
from judging import failures_on_its_own, judged, judged_on_its_own
from modes import ask, by_fft, by_winograd, dtypes_of, seven_bits, ten_bits, verdicts, wrong
from torch import Tensor

from conv_reference import functional, layer
from conv_reference.verification.checks import all_checks, precision
from conv_reference.verification.faults.sound.strassen import strassen
from conv_reference.verification.model.case import DTYPES
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.trial.slow_targets import TOO_SLOW_FOR_ITS_SIZE

CHECKS = ("precision", "precision_coherent")
RIGHT = [torch.nn.functional.conv2d, torch.nn.Conv2d, functional.conv2d, layer.ConvLayer_1]
AS_GOOD_AS_DIRECT = {Verdict.EXACT, Verdict.ROUNDED}


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("implementation", RIGHT, ids=lambda i: i.__name__)
def test_a_direct_algorithm_keeps_its_bound(check: str, implementation: Any) -> None:
    for dtype in dtypes_of(implementation):
        if not all_checks()[check].applies(DTYPES[dtype]):
            continue
        judgements = ask(implementation, check, dtype, "n3 c6 h5 w6 o4 k3x2 p1 g2")
        assert verdicts(judgements) <= AS_GOOD_AS_DIRECT
        assert {judgement.bound for judgement in judgements} <= {None, "componentwise"}


def test_the_bits_of_each_quantity_are_told() -> None:
    judgements = ask(torch.nn.functional.conv2d, "precision", "float32")
    assert [judgement.quantity for judgement in judgements] == ["Y", "dX", "dK", "db"]
    assert all(22 < (judgement.effective_bits or 24) <= 27 for judgement in judgements)


@pytest.mark.parametrize("implementation", [ten_bits, seven_bits], ids=lambda i: i.__name__)
@pytest.mark.parametrize("channels", [1, 16, 256, 2048])
def test_fewer_bits_are_wrong_for_any_number_of_channels(
    implementation: Any, channels: int
) -> None:
    geometry = f"n1 c{channels} h5 w5 o2 k3"
    judgements = ask(implementation, "precision_coherent", "float32", geometry)
    assert wrong(judgements) == {"Y", "dX", "dK"}


def test_the_bits_that_are_kept_are_told() -> None:
    judgements = ask(ten_bits, "precision_coherent", "float32", "c64 h5 w5 k3")
    (said,) = [j.explanation for j in judgements if j.quantity == "Y"]
    assert "of the 24 bits of float32" in said
    assert "keeps 10." in said


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_zeros_are_wrong_in_half_precision_beside_a_long_sum(dtype: str) -> None:
    def zeros(input: Tensor, weight: Tensor) -> Tensor:
        return torch.nn.functional.conv2d(input, weight) * 0

    channels = {"bfloat16": 12, "float16": 90}[dtype]  # n·u is past 1/4
    judgements = ask(zeros, "precision", dtype, f"n4 c{channels} h9 w9 o4 k3")
    assert "Y" in wrong(judgements)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("geometry", ["n2 c256 h8 w8 o8 k3", "n16 c4 h20 w20 o8 k3 p1"])
def test_torch_keeps_the_probabilistic_bound(dtype: str, geometry: str) -> None:
    judgements = ask(torch.nn.functional.conv2d, "precision", dtype, geometry)
    assert verdicts(judgements) <= AS_GOOD_AS_DIRECT


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("geometry", ["n2 c3 h5 w6 o4 k3x2", "h2 w4 k2x1", "c2 h4 w6 o2 k1x3"])
def test_a_product_that_mixes_is_allowed_what_a_transform_is(dtype: str, geometry: str) -> None:
    """Whatever the kernel: Strassen's loses more than a direct sum, and leaves its noise."""
    for seed in range(5):
        judgements = ask(strassen, "precision", dtype, geometry, seed=seed)
        assert verdicts(judgements) <= AS_GOOD_AS_DIRECT


def test_fewer_bits_mix_nothing_and_are_wrong_in_half_precision() -> None:
    assert "Y" in wrong(ask(seven_bits, "precision", "float16", "n2 c2 h6 w7 o3 k2"))


def test_fewer_bits_may_be_allowed() -> None:
    judgements = ask(ten_bits, "precision_coherent", "float32", "c64 h5 w5 k3", allowed_bits=10)
    assert not wrong(judgements)


def test_float32_is_too_little_for_float64() -> None:
    def downcast(input: Tensor, weight: Tensor) -> Tensor:
        return torch.nn.functional.conv2d(input.float(), weight.float()).double()

    for check in CHECKS:
        assert "Y" in wrong(ask(downcast, check, "float64"))


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("implementation", [by_fft, by_winograd], ids=lambda i: i.__name__)
@pytest.mark.parametrize("geometry", ["n2 c3 h8 w11 o2 k3", "n16 c32 h16 w9 o2 k3"])
def test_a_transform_rounds(check: str, implementation: Any, geometry: str) -> None:
    for dtype in ("float32", "float64"):
        judgements = ask(implementation, check, dtype, geometry)
        assert judgements[0].verdict == Verdict.ROUNDED
        assert verdicts(judgements) <= AS_GOOD_AS_DIRECT


@pytest.mark.parametrize("check", CHECKS)
def test_the_transforms_of_torch_itself_round(check: str) -> None:
    def nnpack(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        with torch.backends.mkldnn.flags(enabled=False):
            return torch.nn.functional.conv2d(input, weight, bias)

    for kernel in ("k3", "k5"):
        judgements = ask(nnpack, check, "float32", f"n16 c8 h14 w20 o4 {kernel}")
        assert verdicts(judgements) <= AS_GOOD_AS_DIRECT


def halves(input: Tensor, weight: Tensor) -> Tensor:
    """Products of two halves in bfloat16 each, for long sums and without gradients."""
    asked = input.requires_grad or weight.requires_grad
    if asked or weight[0].numel() < 256 or input.dtype != torch.float32:
        return torch.nn.functional.conv2d(input, weight)
    high = [tensor.bfloat16().float() for tensor in (input, weight)]
    low = [
        (tensor - part).bfloat16().float()
        for tensor, part in zip((input, weight), high, strict=True)
    ]
    terms = ((high[0], high[1]), (high[0], low[1]), (low[0], high[1]))
    return sum((torch.nn.functional.conv2d(*term) for term in terms), torch.tensor(0.0))


def test_fewer_bits_for_long_sums_are_wrong_where_no_gradient_is_asked_for() -> None:
    found = failures_on_its_own(halves, "precision_long_sums")
    assert found.keys() == {("precision_long_sums", "Y")}
    assert found["precision_long_sums", "Y"].startswith("without gradients: ")


def is_never_called(input: Tensor, weight: Tensor) -> Tensor:
    raise AssertionError


@pytest.mark.parametrize("height", [3, 9])
def test_who_is_too_slow_for_a_long_sum_or_its_larger_plane_is_not_asked(
    height: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow Winograd was waited for in vain while its noise was looked for, and had crashed."""
    monkeypatch.setattr(
        precision, "is_slow_for_its_size", lambda trial: trial.case.geometry.input_size[0] == height
    )
    case = "precision_long_sums float32 n2 c300 h3 w4 o2 k1 nobias"
    (judgement,) = judged(is_never_called, case)
    assert judgement.verdict == Verdict.UNSUPPORTED
    assert judgement.explanation == TOO_SLOW_FOR_ITS_SIZE


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16"])
@pytest.mark.parametrize("implementation", RIGHT, ids=lambda i: i.__name__)
def test_long_sums_of_a_direct_algorithm_keep_their_bits(implementation: Any, dtype: str) -> None:
    if dtype in dtypes_of(implementation):
        judgements = judged_on_its_own(implementation, "precision_long_sums", dtype)
        assert verdicts(judgements) <= AS_GOOD_AS_DIRECT
