from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from conv_reference import definition
from conv_reference.geometry import Geometry
from conv_reference.operands import Operands
from conv_reference.strategies import geometries, integer_operands

SMALL = geometries(max_batch=2, max_groups=2, max_group_channels=2, max_output=3, max_kernel=3)


@st.composite
def cases(draw: st.DrawFn) -> tuple[Geometry, Operands]:
    geometry = draw(SMALL)
    return geometry, draw(integer_operands(geometry))


def by_torch(geometry: Geometry, operands: Operands) -> torch.Tensor:
    (top, bottom), (left, right) = geometry.padding
    return torch.nn.functional.conv2d(
        torch.nn.functional.pad(operands.input, (left, right, top, bottom)),
        operands.weight,
        operands.bias,
        stride=geometry.stride,
        dilation=geometry.dilation,
        groups=geometry.groups,
    )


@settings(max_examples=60)
@given(cases())
def test_the_definition_in_python_integers_is_torchs_convolution(
    case: tuple[Geometry, Operands],
) -> None:
    geometry, operands = case
    X, K = (
        np.array(tensor.long().tolist(), dtype=object).reshape(tensor.shape)
        for tensor in (operands.input, operands.weight)
    )
    Y = definition.conv2d(X, K, geometry, operands.bias.long().tolist())

    assert all(isinstance(y, int) for y in Y.ravel().tolist())
    assert Y.tolist() == by_torch(geometry, operands).long().tolist()


def test_integers_stay_exact_at_any_size() -> None:
    huge = 10**40
    X = np.array([[[[huge, 1]]]], dtype=object)
    K = np.array([[[[huge, 1]]]], dtype=object)

    assert definition.conv2d(X, K, Geometry.parse("h1 w2 k1x2"))[0, 0, 0, 0] == huge**2 + 1


def test_autograd_differentiates_the_definition() -> None:
    geometry = Geometry.parse("h2 w3 k1x2")
    X = torch.arange(6.0).reshape(1, 1, 2, 3).requires_grad_()
    K = torch.tensor([[[[10.0, 1.0]]]], requires_grad=True)

    Y = torch.stack(definition.conv2d(X, K, geometry).ravel().tolist())
    dX, dK = torch.autograd.grad(Y.sum(), (X, K))

    assert dX.tolist() == [[[[10, 11, 1], [10, 11, 1]]]]
    assert dK.tolist() == [[[[0 + 1 + 3 + 4, 1 + 2 + 4 + 5]]]]
