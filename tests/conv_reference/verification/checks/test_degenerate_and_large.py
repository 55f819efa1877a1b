from __future__ import annotations

from typing import Any

import pytest
import torch
from judging import failures_on_its_own, judged, judged_on_its_own
from torch import Tensor
from torch.nn.functional import conv2d

from conv_reference import functional
from conv_reference.layer import ConvLayer_1
from conv_reference.verification.checks import all_checks
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.target.conventions import as_target


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
@pytest.mark.parametrize("check", ["degenerate", "large"])
def test_torch_is_right(check: str, dtype: str) -> None:
    # Where oneDNN has kernels for half precision they err on patches (docs/found/0010).
    trusted = dtype in {"float64", "float32"}
    with torch.backends.mkldnn.flags(enabled=trusted, allow_tf32=None):
        judgements = judged_on_its_own(conv2d, check, dtype)

    assert {judgement.verdict for judgement in judgements} == {Verdict.EXACT}
    assert {j.check for j in judgements} == {row.name for row in all_checks()[check].rows}


@pytest.mark.parametrize("implementation", [torch.nn.Conv2d, functional.conv2d, ConvLayer_1])
def test_no_false_alarm(implementation: Any) -> None:
    assert not failures_on_its_own(implementation, "degenerate")


def test_a_layer_is_asked_for_what_is_left_of_a_row_only_where_that_is_its_point() -> None:
    rows = {j.check for j in judged_on_its_own(ConvLayer_1, "degenerate", "float32")}
    assert rows == {"empty_batch", "single_pixel", "kernel_equals_input", "one_channel"}


def test_each_geometry_is_about_its_row() -> None:
    for check in ("degenerate", "large"):
        for row in all_checks()[check].rows:
            assert row.asked_of(as_target(conv2d)) == [*row.geometries]


def test_what_is_too_slow_for_large_sizes_is_not_asked() -> None:
    judgements = judged_on_its_own(ConvLayer_1, "large", "float32")
    verdicts = {j.check: j.verdict for j in judgements}

    assert verdicts["algorithm_switch"] == Verdict.EXACT
    assert not [j for j in judgements if j.verdict not in {Verdict.EXACT, Verdict.UNSUPPORTED}]


def loops_over_channels(X: Tensor, K: Tensor) -> Tensor:
    Y = X.new_zeros(1)
    for c in range(X.shape[1]):
        Y = Y + conv2d(X[:, c : c + 1], K[:, c : c + 1])
    return Y


def test_a_loop_over_channels_is_too_slow_for_many_of_them_alone() -> None:
    few, many = ("n1 c1 h1 w65543 o1 k1x3", "n1 c65537 h1 w1 o1 k1")
    asked = "large float32 {} nobias"
    verdicts = [judged(loops_over_channels, asked.format(size))[0].verdict for size in (few, many)]

    assert verdicts == [Verdict.EXACT, Verdict.UNSUPPORTED]


def fails_on_few_channels(X: Tensor, K: Tensor) -> Tensor:
    Y = conv2d(X, K)
    return Y if Y.shape[1] > 100 else Y.reshape(-1, 11)


def test_what_a_smaller_size_raises_is_not_laid_to_a_large_one() -> None:
    """Whether it is slow is tried with fewer channels, and it fails there alone."""
    found = judged(fails_on_few_channels, "large float32 n3 c128 h5 w5 o129 k1 nobias")
    assert {judgement.verdict for judgement in found} == {Verdict.EXACT}


def fails_on_an_empty_batch(X: Tensor, K: Tensor) -> Tensor:
    Y = conv2d(X, K)
    if len(X) == 0:
        raise ValueError("no samples")
    return Y


def one_row_per_pixel(input: Tensor, weight: Tensor, bias: Any = None, stride: Any = 1) -> Tensor:
    """Takes a stride over the kernel for one as large as the kernel."""
    stride = tuple(min(s, k) for s, k in zip(stride, weight.shape[2:], strict=True))
    return conv2d(input, weight, bias, stride)


def no_tap_in_padding(
    input: Tensor, weight: Tensor, bias: Any = None, stride: Any = 1, padding: Any = 0
) -> Tensor:
    """Takes outputs that see only padding for none, their bias included."""
    Y = conv2d(input, weight, bias, stride, padding)
    seen = conv2d(torch.ones_like(input), torch.ones_like(weight), None, stride, padding)
    return Y * (seen > 0)


@pytest.mark.parametrize(
    ("implementation", "row", "quantity"),
    [
        (fails_on_an_empty_batch, "empty_batch", "Y"),
        (one_row_per_pixel, "stride_over_kernel", "Y"),
        (no_tap_in_padding, "padding_over_kernel", "Y"),
    ],
)
def test_a_degenerate_size_is_found(implementation: Any, row: str, quantity: str) -> None:
    assert (row, quantity) in failures_on_its_own(implementation, "degenerate")


def test_a_raise_is_told_and_the_rest_goes_on() -> None:
    found = failures_on_its_own(fails_on_an_empty_batch, "degenerate")

    line = fails_on_an_empty_batch.__code__.co_firstlineno + 3
    explanation = f"raised ValueError: no samples (at test_degenerate_and_large.py:{line})"
    assert found == {("empty_batch", "Y"): explanation}


def narrow(axis: int, limit: int) -> Any:
    """Rows of Y past the limit are zero."""

    def narrowed(X: Tensor, K: Tensor) -> Tensor:
        Y = conv2d(X, K)
        if Y.shape[axis] <= limit:
            return Y
        kept = torch.arange(Y.shape[axis]) < limit
        return Y * kept.to(Y).reshape([-1 if d == axis else 1 for d in range(4)])

    return narrowed


@pytest.mark.parametrize(
    ("axis", "limit", "row"),
    [
        pytest.param(0, 65_535, "large_batch", marks=pytest.mark.slow),
        (1, 65_536, "large_channels"),
        (3, 65_535, "large_plane"),
        (2, 16_383, "large_plane"),
    ],
)
def test_a_narrow_index_is_found(axis: int, limit: int, row: str) -> None:
    assert (row, "Y") in failures_on_its_own(narrow(axis, limit), "large")


def test_pixels_that_a_stride_picks_out_past_16_bits_are_found() -> None:
    """A strided 1×1 layer gathers its pixels first, by offsets that wrap around."""

    def gathered(input: Tensor, weight: Tensor, stride: Any = 1) -> Tensor:
        (h, w), (sh, sw) = input.shape[2:], torch.nn.modules.utils._pair(stride)
        if weight.shape[2:] != (1, 1) or sh * sw == 1:
            return conv2d(input, weight, stride=stride)
        chosen = (torch.arange(0, h, sh)[:, None] * w + torch.arange(0, w, sw)) % 65_536
        return conv2d(input.flatten(2)[:, :, chosen], weight)

    found = failures_on_its_own(gathered, "large")
    assert {row for row, _ in found} == {"large_plane"}


def test_planes_that_a_grid_has_no_block_for_are_found() -> None:
    """As many blocks as 16 bits count, each for one plane of one sample."""

    def planes(input: Tensor, weight: Tensor, groups: int = 1) -> Tensor:
        Y = conv2d(input, weight, groups=groups)
        if groups > 1:
            Y = Y * (torch.arange(Y.shape[0] * Y.shape[1]) < 65_535).view(*Y.shape[:2], 1, 1)
        return Y

    found = failures_on_its_own(planes, "large")
    assert {row for row, _ in found} == {"large_products"}
