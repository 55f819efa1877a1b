from __future__ import annotations

from typing import Any

import pytest
import torch
from judging import failures, judged
from modes import ask, verdicts, wrong
from torch import Tensor
from torch.nn.functional import conv2d, pad

from conv_reference.verification.faults.planted import numbers
from conv_reference.verification.faults.sound import right
from conv_reference.verification.model.judgement import Judgement
from conv_reference.verification.model.result import Verdict

DTYPES = ["float64", "float32", "bfloat16"]


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_is_right_is_right_at_each_scale_and_infinite_past_the_end(dtype: str) -> None:
    judgements = ask(conv2d, "scales", dtype)
    assert verdicts(judgements) == {Verdict.EXACT}
    assert {(each.check, each.quantity) for each in judgements} >= {
        ("scales", "Y"),
        ("scales", "dX"),
        ("scales", "dK"),
        ("overflow", "Y"),
    }


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_transform_rounds_and_is_not_wrong_at_any_scale(dtype: str) -> None:
    assert not wrong(ask(right.fft, "scales", dtype))


def test_in_float16_there_is_no_room_for_scales_of_all() -> None:
    assert {each.check for each in ask(conv2d, "scales", "float16")} <= {
        "overflow",
        "uneven_scales",
    }


def by_the_largest(input: Tensor, weight: Tensor) -> Tensor:
    """Scaled by one number for the whole batch, in half precision."""
    if input.dtype != torch.float16:
        return conv2d(input, weight)
    largest = torch.exp2(torch.ceil(torch.log2(input.detach().abs().max().clamp(min=1).float())))
    small = (input.float() / largest).to(input.dtype)
    return (conv2d(small.float(), weight.float()) * largest).to(input.dtype)


def test_a_sample_that_is_lost_beside_a_large_one_is_found() -> None:
    case = "scales float16 n3 c2 h4 w5 o2 k1 nobias"
    found = [each for each in judged(by_the_largest, case) if not each.is_exact]
    assert {(each.check, each.quantity) for each in found} == {("uneven_scales", "Y")}
    assert found[0].explanation.startswith("of samples times 2^-14 to 2^1")
    assert all(each.is_exact for each in judged(conv2d, case))


def by_sums_of_samples(input: Tensor, weight: Tensor) -> Tensor:
    """Adds the samples up, and takes them apart again."""
    return conv2d(input + input.flip(0).detach(), weight) - conv2d(input.flip(0).detach(), weight)


def test_who_adds_samples_up_is_no_wrong_one() -> None:
    found = judged(by_sums_of_samples, "scales float32 n3 c2 h4 w5 o2 k1 nobias")
    assert all(each.is_exact for each in found)
    said = "a sample beside one that is larger by far loses digits in Y"
    assert said in {each.observation for each in found}


def test_a_plain_fault_loses_no_digits_beside_a_larger_sample() -> None:
    def last_row(input: Tensor, weight: Tensor) -> Tensor:
        return pad(conv2d(input, weight)[:, :, :-1], (0, 0, 0, 1))

    found = judged(last_row, "scales float32 n3 c2 h4 w5 o2 k1 nobias")
    wrong_rows = {(each.check, each.quantity) for each in found if each.verdict == Verdict.WRONG}
    assert wrong_rows >= {("uneven_scales", "Y"), ("scales", "Y")}
    assert not {each.observation for each in found} - {""}


def found_wrong(target: Any, dtype: str) -> list[Judgement]:
    """Over some seeds, of which each has its own exponents."""
    asked = (ask(target, "scales", dtype, seed=seed) for seed in range(6))
    return [judgement for judgements in asked for judgement in judgements if judgement.explanation]


def test_small_numbers_taken_for_zero_are_found() -> None:
    found = found_wrong(numbers.small_taps_skipped, "float32")
    assert {(each.check, each.quantity) for each in found} == {("scales", "Y")}
    assert "divided by the same powers of two" in found[0].explanation


def test_a_clipped_gradient_is_found_at_large_scales_and_past_the_end() -> None:
    found = found_wrong(numbers.large_gradient_clipped, "float64")
    assert {(each.check, each.quantity) for each in found} == {("scales", "dK"), ("overflow", "dK")}


def test_what_saturates_is_told_what_it_should_be() -> None:
    def saturated(input: Tensor, weight: Tensor) -> Tensor:
        largest = torch.finfo(input.dtype).max
        return conv2d(input, weight).clamp(-largest, largest)

    judgement = next(j for j in ask(saturated, "scales", "float16") if j.explanation)
    assert (judgement.check, judgement.quantity) == ("overflow", "Y")
    assert judgement.explanation.startswith(
        "every product is larger than the largest number of float16: Y["
    )
    assert judgement.explanation.endswith("should be inf, is 65504")


def test_who_computes_in_a_wider_dtype_overflows_on_the_way_back() -> None:
    def in_double(input: Tensor, weight: Tensor) -> Any:
        return conv2d(input.double(), weight.double()).to(input.dtype)

    assert not wrong(ask(in_double, "scales", "float32"))


def test_a_threshold_of_who_asks_for_no_gradients_is_found() -> None:
    def rounds_small_kernels(input: Tensor, weight: Tensor, *rest: Any) -> Tensor:
        if not weight.requires_grad and float(weight.abs().max()) < 1e-8:
            weight = weight.mean((2, 3), keepdim=True).expand_as(weight)
        return conv2d(input, weight, *rest)

    case = "scales float32 n1 c1 h6 w6 o1 k3x3 nobias"
    seeds = [failures(rounds_small_kernels, case, seed=seed) for seed in range(4)]
    assert any(
        found.get(("scales", "Y"), "").startswith("without gradients, of 2^") for found in seeds
    )


def test_who_sums_over_the_samples_has_none_that_is_larger() -> None:
    """Of conv2d_weight the own G has as many rows as there are output channels."""
    case = "scales float32 n4 c2 h10 w1 o2 k5x1 s1x3 p2x0 d3x1 g2 nobias"
    judgements = judged(torch.nn.grad.conv2d_weight, case)
    assert {judgement.verdict for judgement in judgements} == {Verdict.EXACT}
    assert "uneven_scales" not in {judgement.check for judgement in judgements}
