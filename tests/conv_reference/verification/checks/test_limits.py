"""What is left of a dtype's range and of its digits."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch
from judging import judged
from torch import Tensor
from torch.nn.functional import conv2d

from conv_reference.verification import verify

SIZES = "n1 c2 h5 w5 o2 k3"
LONG = "n1 c4096 h1 w1 o1 k1"


def seen(implementation: Any, case: str) -> set[str]:
    judgements = judged(implementation, case)
    assert all(judgement.is_exact for judgement in judgements)
    return {judgement.observed for judgement in judgements}


def adds_up_first(input: Tensor, weight: Tensor) -> Tensor:
    """As a transform of the image does."""
    total = input.sum(dim=(2, 3), keepdim=True)
    Y = conv2d(input, weight)
    return Y + (total - total)[:, :1]


def to_few_digits(input: Tensor, weight: Tensor) -> Tensor:
    return conv2d(input * 1.02, weight)


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
@pytest.mark.parametrize(
    ("implementation", "what"),
    [(conv2d, "kept"), (adds_up_first, "not finite in Y"), (to_few_digits, "rounded")],
)
def test_whether_numbers_near_the_largest_are_kept(
    implementation: Any, what: str, dtype: str
) -> None:
    found = seen(implementation, f"large_numbers {dtype} {SIZES}")
    assert found == {f"numbers near the largest, times a small one, are {what}"}


def in_its_own_dtype(input: Tensor, weight: Tensor) -> Tensor:
    """Sums of sixteen products, which are added up in the operands' dtype."""
    Y = torch.zeros_like(input[:, :1])
    for first in range(0, input.shape[1], 16):
        part = slice(first, first + 16)
        Y = Y + conv2d(input[:, part], weight[:, part])
    return Y


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize(
    ("implementation", "what"),
    [(conv2d, "once"), (in_its_own_dtype, r"on their way, with an error of [\d.]+ %")],
)
def test_whether_long_sums_are_rounded_once(implementation: Any, what: str, dtype: str) -> None:
    (found,) = seen(implementation, f"long_sums {dtype} {LONG}")
    said = "in Y sums over 4,096 channels in half precision are rounded"
    assert re.fullmatch(f"{said} {what}", found)


def term_by_term(input: Tensor, weight: Tensor) -> Tensor:
    """Each channel is added to what is there, in the operands' dtype."""
    Y = torch.zeros_like(input[:, :1])
    for channel in range(input.shape[1]):
        Y = Y + input[:, channel, None] * weight[0, channel]
    return Y


@pytest.mark.parametrize(
    ("dtype", "last", "error"), [("bfloat16", "512", "92 %"), ("float16", "4,096", "33 %")]
)
def test_a_sum_that_stops_growing_is_said_to(dtype: str, last: str, error: str) -> None:
    """Half of what the last digit is worth there is more than any term."""
    (found,) = seen(term_by_term, f"long_sums {dtype} {LONG}")
    said = rf"are rounded on their way, and stop growing: {last} where 6,1\d\d is right"
    assert re.search(f"{said}, an error of {error}$", found)


def test_a_sum_that_stops_growing_is_told_before_the_verdict_is_read() -> None:
    only = "kh == 1 and kw == 1 and o == 1 and n == 1"
    report = verify(term_by_term, checks=["long_sums"], dtypes=["bfloat16"], where=only)
    whole = " ".join(str(report).split())
    assert whole.index("beware: in Y sums over") < whole.index("check bfloat16")
    assert whole.count("stop growing") == 1


def depthwise_tap_by_tap(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, groups: int = 1
) -> Tensor:
    """Large depthwise kernels are not converted, so each sum is kept in the operands' dtype."""
    if groups == 1:
        return conv2d(input, weight, bias)
    kh, kw = weight.shape[2:]
    Y = torch.zeros_like(input[:, :, kh - 1 :, kw - 1 :])
    for i in range(kh):
        for j in range(kw):
            part = input[:, :, i : i + Y.shape[2], j : j + Y.shape[3]]
            Y = Y + part * weight[:, 0, i, j, None, None]
    return Y if bias is None else Y + bias[:, None, None]


@pytest.mark.parametrize(("dtype", "last"), [("bfloat16", "512"), ("float16", "4,096")])
def test_depthwise_kernels_are_told_apart_where_they_are_summed_otherwise(
    dtype: str, last: str
) -> None:
    grouped = f"long_sums {dtype} n1 c2 h64 w64 o2 k64 g2"
    (found,) = seen(depthwise_tap_by_tap, grouped)
    said = "in Y sums over 4,096 taps of depthwise kernels in half precision are rounded on their"
    assert found.startswith(f"{said} way, and stop growing: {last} where ")
    assert not seen(conv2d, grouped)


class InRows(torch.autograd.Function):
    """The gradient of the bias is summed up row by row, in its own dtype."""

    @staticmethod
    def forward(ctx: Any, input: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(input, weight)
        return conv2d(input, weight, bias)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Any:
        (X, K), (G,) = ctx.saved_tensors, grad_outputs
        db = torch.zeros_like(G[0, :, 0, 0])
        for image in G:
            for row in image.unbind(1):
                db = db + row.sum(1)
        dX, dK = (
            torch.nn.grad.conv2d_input(X.shape, K, G),
            torch.nn.grad.conv2d_weight(X, K.shape, G),
        )
        return dX, dK, db


def in_rows(input: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    Y: Tensor = InRows.apply(input, weight, bias)  # type: ignore[no-untyped-call]  # torch's own
    return Y


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_a_gradients_long_sums_are_told_by_the_gradient(dtype: str) -> None:
    sizes, said = "n64 c1 h8 w8 o1 k1", "sums over 4,096 positions in half precision are rounded"
    found = seen(in_rows, f"long_sums {dtype} {sizes}")
    # Of dK it depends on the processor: torch's own sums it up on the way in float16.
    (of_bias,) = (each for each in found if each.startswith("in db"))
    assert of_bias.startswith(f"in db {said} on their way, ")
    assert f"in db {said} once" in seen(conv2d, f"long_sums {dtype} {sizes}")
    over = "in dX sums over 4,096 channels in half precision are rounded once"
    assert seen(conv2d, f"long_sums {dtype} n1 c1 h1 w1 o4096 k1") == {over}


@pytest.mark.parametrize(("dtype", "last"), [("bfloat16", "512"), ("float16", "4,096")])
def test_sums_over_the_samples_are_told_apart_from_those_over_the_positions(
    dtype: str, last: str
) -> None:
    found = seen(in_rows, f"long_sums {dtype} n4096 c1 h1 w1 o1 k1")
    (of_bias,) = (each for each in found if each.startswith("in db"))
    said = "in db sums over 4,096 samples in half precision are rounded on their way, and stop"
    assert of_bias.startswith(f"{said} growing: {last} where ")


def test_where_sums_are_short_nothing_is_observed() -> None:
    assert judged(conv2d, f"long_sums float16 {SIZES}") == ()


def test_of_a_transposed_convolution_the_sums_over_its_own_channels_are_long() -> None:
    transposed = torch.nn.functional.conv_transpose2d
    found = seen(transposed, "long_sums float16 n1 c1 h1 w1 o4096 k1")
    assert found == {"in Y sums over 4,096 channels in half precision are rounded once"}


def test_what_is_wrong_in_every_dtype_is_said_to_be_rounded_in_none() -> None:
    def a_third(input: Tensor, weight: Tensor) -> Tensor:
        return conv2d(input, weight) / 3

    assert not seen(a_third, f"long_sums float16 {LONG}")
