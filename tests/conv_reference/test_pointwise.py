from __future__ import annotations

from itertools import product

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from conv_reference import functional, pointwise
from conv_reference.geometry import Geometry
from conv_reference.operands import exact_operands
from conv_reference.strategies import geometries


@settings(max_examples=60)
@given(geometries(), st.integers(0, 2**31))
def test_every_place_is_the_oracles(geometry: Geometry, seed: int) -> None:
    operands = exact_operands(geometry, torch.float64, seed=seed)
    X, K, b, G = operands.input, operands.weight, operands.bias, operands.grad_output
    Y = functional.output(X, K, geometry)
    dX = functional.grad_input(G, K, geometry)
    dK = functional.grad_weight(G, X, geometry)

    for i, j in product(*map(range, geometry.output_size)):
        assert torch.equal(pointwise.output_at(X, K, None, geometry, (i, j)), Y[:, :, i, j])
        biased = pointwise.output_at(X, K, b, geometry, (i, j))
        assert torch.equal(biased, Y[:, :, i, j] + b)
    for i, j in product(*map(range, geometry.input_size)):
        assert torch.equal(pointwise.grad_input_at(G, K, geometry, (i, j)), dX[:, :, i, j])
    for i, j in product(*map(range, geometry.kernel_size)):
        assert torch.equal(pointwise.grad_weight_at(G, X, geometry, (i, j)), dK[:, :, i, j])
