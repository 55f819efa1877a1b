from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch
from counterpart import counterpart
from hypothesis import given, settings
from torch import Tensor

from analytic import Geometry, generate
from conv_reference import functional, strategies
from conv_reference.geometry import Geometry as ReferenceGeometry
from conv_reference.operands import Operands, exact_operands

SMALL = strategies.geometries(max_batch=2, max_groups=2, max_group_channels=2)


def autograd(geometry: ReferenceGeometry, operands: Operands) -> tuple[Tensor, ...]:
    (top, bottom), (left, right) = geometry.padding
    leaves = [t.clone().requires_grad_() for t in (operands.input, operands.weight, operands.bias)]
    Y = torch.nn.functional.conv2d(
        torch.nn.functional.pad(leaves[0], (left, right, top, bottom)),
        leaves[1],
        leaves[2],
        stride=geometry.stride,
        dilation=geometry.dilation,
        groups=geometry.groups,
    )
    return torch.autograd.grad(Y, leaves, operands.grad_output)


@settings(max_examples=60)
@given(SMALL)
def test_the_generated_functions_give_autograds_gradients(geometry: ReferenceGeometry) -> None:
    operands = exact_operands(geometry, torch.float64, seed=1)
    arguments = (operands.input, operands.weight, operands.grad_output)
    expected = autograd(geometry, operands)
    for library, given_ in (("torch", arguments), ("numpy", tuple(t.numpy() for t in arguments))):
        found = generate(counterpart(geometry), library=library).function(*given_)
        for one, other in zip(found, expected, strict=True):
            assert torch.equal(torch.as_tensor(one), other)


def test_integers_stay_exact_integers() -> None:
    function = generate(Geometry(3, 2, padding=1)).function
    X = np.full((1, 1, 3, 3), 10**30, dtype=object)
    dX, dK = function(X, np.ones((1, 1, 2, 2), dtype=object), np.ones((1, 1, 4, 4), dtype=object))
    assert dK[0, 0, 0, 0] == 9 * 10**30
    assert dX[0, 0, 1, 1] == 4


def test_a_kernel_element_that_sees_only_padding_is_said_to() -> None:
    generated = generate(Geometry((1, 1), (1, 3), padding=(0, 1)))
    assert "# K[0, 0] sees nothing but padding: its derivative is 0." in generated.source
    dX, dK = generated.function(np.ones((1, 1, 1, 1)), np.ones((1, 1, 1, 3)), np.ones((1, 1, 1, 1)))
    assert dK.tolist() == [[[[0, 1, 0]]]]
    assert dX.tolist() == [[[[1]]]]


@pytest.mark.parametrize("wrong", range(3))
def test_arrays_of_another_shape_are_refused(wrong: int) -> None:
    arrays = [np.ones((1, 1, 2, 3)), np.ones((1, 1, 1, 2)), np.ones((1, 1, 2, 2))]
    arrays[wrong] = arrays[wrong][..., :1]
    with pytest.raises(ValueError, match=r"^X, K and G must have the shapes \(1, 1, 2, 3\)") as e:
        generate(Geometry((2, 3), (1, 2))).function(*arrays)
    assert str(arrays[wrong].shape) in str(e.value)


def test_there_is_no_other_library() -> None:
    with pytest.raises(ValueError, match=r"^library must be one of numpy, torch, not 'jax'$"):
        generate(Geometry(2, 1), library="jax")


def test_the_text_runs_by_itself() -> None:
    program = generate(Geometry((1, 2), (1, 2))).source + (
        "\nA = numpy.array([[[[3, 5]]]])\nprint(gradients(A, A, A[..., :1])[1].tolist())\n"
    )
    done: Any = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[[[[9, 15]]]]\n"


def test_a_torch_function_is_written_without_torch() -> None:
    program = (
        "import sys, analytic\n"
        "text = analytic.generate(analytic.Geometry(3, 2), library='torch').source\n"
        "print('import torch' in text, 'torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "True False\n"


def test_the_oracle_agrees() -> None:
    geometry = ReferenceGeometry.parse("n2 c4 h5 w6 o2 k3x2 s2x1 p1:0x2 d1x2 g2")
    operands = exact_operands(geometry, torch.float64, seed=0)
    X, K, G = operands.input, operands.weight, operands.grad_output
    dX, dK, db = generate(counterpart(geometry), library="torch").function(X, K, G)
    assert torch.equal(dX, functional.grad_input(G, K, geometry))
    assert torch.equal(dK, functional.grad_weight(G, X, geometry))
    assert torch.equal(db, functional.grad_bias(G))
