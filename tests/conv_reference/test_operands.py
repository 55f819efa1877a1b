from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from conv_reference import functional
from conv_reference.geometry import Geometry
from conv_reference.operands import (
    Role,
    can_be_exact,
    exact_magnitudes,
    exact_operands,
    largest_exact_integer,
    real_operands,
)
from conv_reference.strategies import geometries

DTYPES = (torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int16)
HEAVY: tuple[Role | None, ...] = (None, "input", "weight", "grad_output")


@pytest.mark.parametrize("dtype", DTYPES[:4], ids=str)
def test_the_largest_exact_integer_is_followed_by_a_gap(dtype: torch.dtype) -> None:
    largest = largest_exact_integer(dtype)
    assert torch.tensor(largest - 1, dtype=dtype).item() == largest - 1
    assert torch.tensor(largest, dtype=dtype).item() == largest
    assert torch.tensor(largest + 1, dtype=dtype).item() != largest + 1


@given(geometries(), st.sampled_from(DTYPES), st.sampled_from(HEAVY), st.integers(0, 2**32))
def test_every_sum_of_absolute_products_stays_exact(
    geometry: Geometry, dtype: torch.dtype, heavy: Role | None, seed: int
) -> None:
    drawn = exact_operands(geometry, dtype, seed=seed, heavy=heavy)
    X, K, b, G = (
        tensor.long().abs() for tensor in (drawn.input, drawn.weight, drawn.bias, drawn.grad_output)
    )
    sums = (
        functional.output(X, K, geometry) + b[:, None, None],
        functional.grad_input(G, K, geometry),
        functional.grad_weight(G, X, geometry),
        functional.grad_bias(G),
    )
    assert all(int(total.max()) <= largest_exact_integer(dtype) for total in sums)
    assert all(bool((tensor > 0).all()) for tensor in (X, K, b, G))


@pytest.mark.parametrize("heavy", HEAVY[1:])
def test_a_heavy_operand_holds_far_more_than_ten_bits(heavy: Role) -> None:
    geometry = Geometry.parse("n2 c8 h9 w9 o8 k3 p1")
    magnitudes = exact_magnitudes(geometry, torch.float32, heavy=heavy)
    assert getattr(magnitudes, heavy) >= 2**16


@pytest.mark.parametrize("draw", [exact_operands, real_operands])
def test_the_seed_decides(draw: object) -> None:
    assert callable(draw)
    geometry = Geometry.parse("n2 h4 w5 k2")
    first, again, other = (draw(geometry, torch.float32, seed=seed) for seed in (3, 3, 4))

    assert torch.equal(first.input, again.input)
    assert not torch.equal(first.input, other.input)
    assert not torch.equal(first.input[0], first.input[1])


def test_a_geometry_without_exact_integers_is_refused() -> None:
    geometry = Geometry.parse("n9 h6 w6 k1")

    assert not can_be_exact(geometry, torch.bfloat16)
    message = (
        "no integers are exact in torch.bfloat16 for n9 .*: a sum of 324 products, at most 256"
    )
    with pytest.raises(ValueError, match=message):
        exact_operands(geometry, torch.bfloat16, seed=0)


@given(geometries(), st.sampled_from(DTYPES), st.integers(0, 2**32))
def test_of_a_few_numbers_one_drawing_gives_the_same(
    geometry: Geometry, dtype: torch.dtype, seed: int
) -> None:
    """A seed says the same, however many numbers are drawn at once."""
    at_once = exact_operands(geometry, dtype, seed=seed)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("conv_reference.operands._FEW", 0)
        apart = exact_operands(geometry, dtype, seed=seed)
    for role, tensor in at_once.by_role().items():
        assert torch.equal(tensor, apart.by_role()[role])


def test_large_operands_are_drawn_block_by_block_and_are_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    geometry = Geometry(batch=3, in_channels=40, input_size=(60, 50), kernel_size=(2, 2))
    whole = exact_operands(geometry, torch.float32, seed=7)
    monkeypatch.setattr("conv_reference.operands._BLOCK", 1_001)
    for role, tensor in exact_operands(geometry, torch.float32, seed=7).by_role().items():
        assert torch.equal(tensor, whole.by_role()[role])
        assert tensor.is_contiguous()
