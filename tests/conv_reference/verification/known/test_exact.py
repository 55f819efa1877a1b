from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from conv_reference.verification.known.exact import (
    absolute,
    differs,
    framed,
    has_gaps,
    has_nan,
    in_float64,
    packed,
    tried,
)

ONES = torch.ones(2, 3, dtype=torch.bfloat16)


def test_an_operation_is_carried_out_in_float64_and_rounded_once() -> None:
    left = torch.tensor([[256.0, 1.0, 1.0]], dtype=torch.bfloat16)
    found = in_float64(torch.ops.aten.mm.default, (left, ONES.T), {})

    assert found.dtype == torch.bfloat16
    assert found.tolist() == [[258.0, 258.0]]


def test_a_convolution_that_is_not_transposed_is_without_output_padding() -> None:
    """Torch's third derivative of a transposed one asks for it, which raises."""
    X, K, options = torch.ones(1, 1, 4, 4), torch.ones(1, 1, 2, 2), ([2, 2], [0, 0], [1, 1])
    convolution = torch.ops.aten.convolution.default
    found = in_float64(convolution, (X, K, None, *options, False, [1, 1], 1), {})
    assert found.tolist() == [[[[4.0, 4.0], [4.0, 4.0]]]]
    transposed = in_float64(convolution, (X, K, None, *options, True, [1, 1], 1), {})
    assert transposed.shape == (1, 1, 9, 9)


@pytest.mark.parametrize(
    ("found", "right", "sums", "given", "expected"),
    [
        (3.0, 3.0, 3.0, 1.0, False),
        (4.0, 3.0, 3.0, 1.0, True),  # a sum of ones is exact
        (3.02, 3.0, 3.0, 0.5, False),  # of others it may round
        (4.0, 3.0, 3.0, 0.5, True),
        (1001.0, 1000.0, 1000.0, 1.0, False),  # beyond 256 integers round in bfloat16
        (math.nan, 3.0, 3.0, 1.0, True),
        (math.nan, math.inf, math.inf, math.inf, True),
        (math.inf, math.inf, math.inf, math.inf, False),
        (-math.inf, math.inf, math.inf, math.inf, True),
        (math.nan, math.nan, math.nan, math.nan, False),
    ],
)
def test_an_answer_is_wrong_by_more_than_rounding(
    found: float, right: float, sums: float, given: float, expected: bool
) -> None:
    def tensor(value: float) -> Tensor:
        return torch.tensor([1.0, value]).to(torch.bfloat16)

    own, exact, scale = tensor(found), tensor(right), tensor(sums)
    assert differs(own, exact, scale, [tensor(given)]) is expected
    # Beside a gradient that nobody asked for.
    assert differs((None, own), (None, exact), (None, scale), [tensor(given)]) is expected


def test_another_shape_is_wrong() -> None:
    assert differs(ONES, ONES.T, ONES.T, [ONES])


def test_what_raises_has_no_answer() -> None:
    assert tried(torch.mm, ONES, ONES) is None
    assert tried(torch.mm, ONES, ONES.T) is not None


def test_signs_are_taken_from_floating_numbers_alone() -> None:
    assert absolute(-ONES).tolist() == ONES.tolist()
    assert absolute(-3) == -3


@pytest.mark.parametrize("step", [1, 2, 0])
def test_an_operand_lies_between_nan_as_it_lay(step: int) -> None:
    memory = torch.arange(24.0)[1:]
    given = memory.as_strided((2, 3), (6, step), 4)
    found = framed(given)

    assert torch.equal(found, given)
    assert found.stride() == given.stride()
    flat = torch.empty(0).set_(found.untyped_storage())
    last = found.storage_offset() + 6 + 2 * step
    assert flat[: found.storage_offset()].isnan().all()
    assert len(flat) > last + 1
    assert flat[last + 1 :].isnan().all()
    assert found.storage_offset() % 64 == given.storage_offset() % 64


def test_what_has_gaps_is_packed_in_the_order_of_its_axes() -> None:
    wide = torch.arange(96.0).reshape(3, 4, 2, 4).permute(0, 3, 1, 2)[:, :1]
    assert has_gaps(wide)
    assert not has_gaps(ONES)
    assert torch.equal(packed(wide), wide)
    assert packed(wide).stride() == (8, 1, 2, 1)
    assert packed(ONES) is ONES
    assert has_nan(ONES * torch.nan)
    assert not has_nan(ONES)


def test_what_is_no_plain_floating_tensor_is_not_framed() -> None:
    for leaf in (3, ONES[:0], ONES.to_sparse(), torch.arange(3)):
        assert framed(leaf) is leaf
