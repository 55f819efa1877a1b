"""The derivation held against everything else that knows the answer, exactly, in integers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from counterpart import counterpart
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import conv2d, pad

from analytic import Derivation, derive, geometry_text, parse_geometry
from analytic import Geometry as OurGeometry
from analytic.calculus.differentiation import Jacobian
from analytic.calculus.notation import Elements, Index
from analytic.calculus.numeric import dense, evaluate_elements, evaluate_jacobian
from conv_reference import definition, functional, layer, strategies
from conv_reference.geometry import Geometry
from conv_reference.operands import Operands

SMALL = strategies.geometries(
    max_batch=2,
    max_groups=2,
    max_group_channels=2,
    max_output=3,
    max_kernel=3,
    max_stride=3,
    max_padding=2,
    max_dilation=2,
)


@st.composite
def cases(draw: st.DrawFn) -> tuple[Geometry, Operands]:
    geometry = draw(SMALL)
    return geometry, draw(strategies.integer_operands(geometry))


def derivation_of(geometry: Geometry) -> Derivation:
    return derive(counterpart(geometry))


def numbers(derivation: Derivation, **tensors: Tensor) -> dict[Any, int]:
    """What each symbol stands for, as Python's integers."""
    second = derivation.second_order
    symbols = {
        "X": derivation.X,
        "K": derivation.K,
        "G": derivation.G,
        "b": derivation.b,
        "V": second.input_upstream,
        "W": second.kernel_upstream,
        "Z": second.bias_upstream,
    }
    found: dict[Any, int] = {}
    for letter, tensor in tensors.items():
        named = symbols[letter]
        assert named is not None
        assert named.shape == tuple(tensor.shape)
        flat = tensor.detach().long().flatten().tolist()
        found.update(zip(named.symbols.values(), flat, strict=True))
    return found


def of_operands(operands: Operands) -> dict[str, Tensor]:
    return {
        "X": operands.input,
        "K": operands.weight,
        "b": operands.bias,
        "G": operands.grad_output,
    }


def flat(elements: Elements, values: Mapping[Any, int]) -> list[int]:
    return list(evaluate_elements(elements, values).values())


def matrix(jacobian: Jacobian, values: Mapping[Any, int]) -> list[list[int]]:
    array: list[list[int]] = dense(evaluate_jacobian(jacobian, values), dtype=int).tolist()
    return array


def listed(tensor: Tensor) -> list[int]:
    integers: list[int] = tensor.detach().long().flatten().tolist()
    assert tensor.detach().flatten().tolist() == integers
    return integers


def by_torch(geometry: Geometry, X: Tensor, K: Tensor, b: Tensor) -> Tensor:
    (top, bottom), (left, right) = geometry.padding
    return conv2d(
        pad(X, (left, right, top, bottom)),
        K,
        b,
        stride=geometry.stride,
        dilation=geometry.dilation,
        groups=geometry.groups,
    )


@settings(max_examples=40)
@given(cases())
def test_the_output_is_that_of_the_definition_and_of_the_oracle(
    case: tuple[Geometry, Operands],
) -> None:
    geometry, operands = case
    derivation = derivation_of(geometry)
    X, K, b = (t.long() for t in (operands.input, operands.weight, operands.bias))
    found = flat(derivation.output, numbers(derivation, **of_operands(operands)))

    defined = definition.conv2d(X.numpy().astype(object), K.numpy(), geometry, b.tolist())
    assert found == defined.ravel().tolist()
    assert found == listed(functional.output(X, K, geometry) + b[:, None, None])
    assert found == listed(by_torch(geometry, operands.input, operands.weight, operands.bias))


@settings(max_examples=40)
@given(cases())
def test_the_gradients_are_those_of_autograd_and_of_the_oracle(
    case: tuple[Geometry, Operands],
) -> None:
    geometry, operands = case
    derivation = derivation_of(geometry)
    values = numbers(derivation, **of_operands(operands))
    assert derivation.gradient_bias is not None

    leaves = [t.clone().requires_grad_() for t in (operands.input, operands.weight, operands.bias)]
    gradients = torch.autograd.grad(by_torch(geometry, *leaves), leaves, operands.grad_output)
    X, K, G = operands.input, operands.weight, operands.grad_output
    for gradient, autograds, oracles in zip(
        (derivation.gradient_input, derivation.gradient_kernel, derivation.gradient_bias),
        gradients,
        (
            functional.grad_input(G, K, geometry),
            functional.grad_weight(G, X, geometry),
            functional.grad_bias(G),
        ),
        strict=True,
    ):
        assert flat(gradient.elements, values) == listed(autograds) == listed(oracles)
        assert flat(gradient.closed_form.elements, values) == listed(autograds)


@settings(max_examples=25)
@given(cases())
def test_the_jacobians_are_those_of_jacrev_over_torch_and_over_the_oracle(
    case: tuple[Geometry, Operands],
) -> None:
    geometry, operands = case
    derivation = derivation_of(geometry)
    values = numbers(derivation, **of_operands(operands))
    arguments = (operands.input, operands.weight, operands.bias)

    def by_oracle(X: Tensor, K: Tensor, b: Tensor) -> Tensor:
        return functional.output(X, K, geometry) + b[:, None, None]

    def torchs(X: Tensor, K: Tensor, b: Tensor) -> Tensor:
        return by_torch(geometry, X, K, b)

    ours = (derivation.jacobian_input, derivation.jacobian_kernel, derivation.jacobian_bias)
    for function in (torchs, by_oracle):
        jacobians = torch.func.jacrev(function, argnums=(0, 1, 2))(*arguments)
        for jacobian, theirs, argument in zip(ours, jacobians, arguments, strict=True):
            assert jacobian is not None
            rows = theirs.reshape(-1, argument.numel())
            assert matrix(jacobian, values) == rows.long().tolist()


@settings(max_examples=25)
@given(cases(), st.integers(0, 2**32 - 1))
def test_the_second_order_is_that_of_double_backward(
    case: tuple[Geometry, Operands], seed: int
) -> None:
    geometry, operands = case
    # Small, so that sums of products of three stay exact.
    generator = torch.Generator().manual_seed(seed)
    X, K, b, G, V, W, Z = (
        torch.randint(-9, 10, t.shape, generator=generator).double()
        for t in (*of_operands(operands).values(), operands.input, operands.weight, operands.bias)
    )
    derivation = derivation_of(geometry)
    values = numbers(derivation, X=X, K=K, G=G, V=V, W=W, Z=Z)

    leaves = [t.requires_grad_() for t in (X, K, b)]
    G.requires_grad_()
    first = torch.autograd.grad(by_torch(geometry, *leaves), leaves, G, create_graph=True)
    by_G, by_X, by_K = torch.autograd.grad(first, (G, X, K), (V, W, Z))
    oracle = functional.double_backward(
        G.detach(),
        X.detach(),
        K.detach(),
        geometry,
        grad_grad_input=V,
        grad_grad_weight=W,
        grad_grad_bias=Z,
    )
    second = derivation.second_order
    assert flat(second.by_upstream, values) == listed(by_G) == listed(oracle.grad_output)
    assert flat(second.by_input, values) == listed(by_X) == listed(oracle.input)
    assert flat(second.by_kernel, values) == listed(by_K) == listed(oracle.weight)


@settings(max_examples=25)
@given(cases())
def test_the_gradients_are_those_of_the_layer_that_replaces_conv2d(
    case: tuple[Geometry, Operands],
) -> None:
    geometry, operands = case
    (top, bottom), (left, right) = geometry.padding
    module = layer.Conv2d(
        geometry.in_channels,
        geometry.out_channels,
        geometry.kernel_size,
        stride=geometry.stride,
        dilation=geometry.dilation,
        groups=geometry.groups,
        dtype=torch.float64,
    )
    module.weight.data.copy_(operands.weight)
    assert module.bias is not None
    module.bias.data.copy_(operands.bias)
    X = operands.input.clone().requires_grad_()
    module(pad(X, (left, right, top, bottom))).backward(operands.grad_output)

    derivation = derivation_of(geometry)
    values = numbers(derivation, **of_operands(operands))
    assert derivation.gradient_bias is not None
    for gradient, theirs in (
        (derivation.gradient_input, X.grad),
        (derivation.gradient_kernel, module.weight.grad),
        (derivation.gradient_bias, module.bias.grad),
    ):
        assert theirs is not None
        assert flat(gradient.elements, values) == listed(theirs)


@pytest.mark.parametrize("size", [(h, w) for h in range(1, 5) for w in range(1, 5)], ids=str)
def test_the_chapters_layer_over_every_small_shape(size: Index) -> None:
    """Every kernel that fits: output, Jacobians and gradients, from the layer as it stands."""
    h, w = size
    for kernel_size in ((kh, kw) for kh in range(1, h + 1) for kw in range(1, w + 1)):
        module = layer.ConvLayer_1(kernel_size).double()
        module.kernel.data.copy_(torch.randint(-9, 10, kernel_size))
        X = torch.randint(-9, 10, (1, h, w)).double().requires_grad_()
        Y = module(X)
        G = torch.randint(-9, 10, Y.shape).double()

        derivation = derive(OurGeometry(size, kernel_size))
        values = numbers(derivation, X=X[None], K=module.kernel[None, None], G=G[None])
        assert flat(derivation.output, values) == listed(Y)
        rows = [torch.autograd.grad(y, (X, module.kernel), retain_graph=True) for y in Y.flatten()]
        assert matrix(derivation.jacobian_input, values) == [listed(dX) for dX, _ in rows]
        assert matrix(derivation.jacobian_kernel, values) == [listed(dK) for _, dK in rows]
        dX, dK = torch.autograd.grad(Y, (X, module.kernel), G)
        assert flat(derivation.gradient_input.elements, values) == listed(dX)
        assert flat(derivation.gradient_kernel.elements, values) == listed(dK)


@given(strategies.geometries())
def test_a_geometry_has_one_text_in_both_parts(geometry: Geometry) -> None:
    ours = parse_geometry(str(geometry))
    assert geometry_text(ours) == str(geometry)
    assert ours.padding == geometry.padding
    assert (ours.output, ours.remainder) == (geometry.output_size, geometry.remainder)


@pytest.mark.parametrize(
    "wrong",
    [
        {"stride": (0, 1)},
        {"stride": (1, 1.5)},
        {"dilation": (1, 0)},
        {"padding": ((0, -1), (0, 0))},
        {"in_channels": 3, "groups": 2},
        {"out_channels": 0},
        {"groups": "2"},
        {"dilation": (9, 9)},
    ],
    ids=str,
)
def test_both_parts_refuse_a_geometry_in_the_same_words(wrong: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError)) as theirs:
        Geometry(input_size=(5, 5), kernel_size=(2, 2), **wrong)
    with pytest.raises(ValueError) as ours:  # noqa: PT011  # compared with the other's
        OurGeometry((5, 5), (2, 2), **wrong)
    says, also = str(theirs.value), str(ours.value)
    # Ours may go on with where the numbers come from.
    assert also == says or also.startswith(f"{says} (")


@pytest.mark.parametrize(
    "text", ["h2", "h2 w2 k1 k1", "h2 w2 k1:2", "h2 w2 k1x2x3", "h2x2 w1 k1", "hello"]
)
def test_both_parts_refuse_a_text_in_the_same_words(text: str) -> None:
    with pytest.raises(ValueError, match="geometry") as theirs:
        Geometry.parse(text)
    with pytest.raises(ValueError, match="geometry") as ours:
        parse_geometry(text)
    assert str(ours.value).partition("form like")[0] == str(theirs.value).partition("form like")[0]
