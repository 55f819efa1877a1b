from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import TypeCheckError
from torch import Tensor
from torch.nn.functional import conv2d as torch_conv2d
from torch.utils._python_dispatch import TorchDispatchMode

from conv_reference import definition, functional
from conv_reference.geometry import Geometry
from conv_reference.operands import Operands, exact_operands, real_operands
from conv_reference.strategies import geometries, integer_operands, normal_operands

FLOATING = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
GEOMETRY = Geometry.parse("n2 c4 h6 w7 o6 k3x2 s2x1 p1x2 d1x2 g2")


def options(geometry: Geometry) -> dict[str, Any]:
    (top, _), (left, _) = geometry.padding
    return {
        "stride": geometry.stride,
        "padding": (top, left),
        "dilation": geometry.dilation,
        "groups": geometry.groups,
    }


def autograd(
    convolution: Callable[..., Tensor], geometry: Geometry, operands: Operands
) -> dict[str, Tensor]:
    leaves = [
        tensor.clone().requires_grad_()
        for tensor in (operands.input, operands.weight, operands.bias)
    ]
    Y = convolution(*leaves, **options(geometry))
    gradients = torch.autograd.grad(Y, leaves, operands.grad_output)
    return dict(zip(("Y", "dX", "dK", "db"), (Y.detach(), *gradients), strict=True))


def closed_forms(geometry: Geometry, operands: Operands) -> dict[str, Tensor]:
    X, K, G = operands.input, operands.weight, operands.grad_output
    return {
        "Y": functional.output(X, K, geometry) + operands.bias[:, None, None],
        "dX": functional.grad_input(G, K, geometry),
        "dK": functional.grad_weight(G, X, geometry),
        "db": functional.grad_bias(G),
    }


@st.composite
def integer_cases(draw: st.DrawFn, dtype: torch.dtype) -> tuple[Geometry, Operands]:
    geometry = draw(geometries(symmetric=True))
    return geometry, draw(integer_operands(geometry, dtype))


@st.composite
def real_cases(draw: st.DrawFn, /, **bounds: int) -> tuple[Geometry, Operands]:
    geometry = draw(geometries(symmetric=True, **bounds))
    return geometry, draw(normal_operands(geometry))


@pytest.mark.parametrize("dtype", FLOATING, ids=str)
@given(data=st.data())
def test_integers_agree_with_torch_bit_for_bit_forward_and_backward(
    dtype: torch.dtype, data: st.DataObject
) -> None:
    geometry, operands = data.draw(integer_cases(dtype))
    # Where oneDNN has kernels for half precision they crash or err here and there (docs/found).
    trusted = dtype in (torch.float64, torch.float32)
    with torch.backends.mkldnn.flags(enabled=trusted, allow_tf32=None):
        expected = autograd(torch_conv2d, geometry, operands)

    for name, actual in autograd(functional.conv2d, geometry, operands).items():
        assert torch.equal(actual, expected[name]), name
    for name, actual in closed_forms(geometry, operands).items():
        assert actual.dtype == dtype
        assert torch.equal(actual, expected[name]), name


@given(real_cases())
def test_reals_agree_with_torch_within_the_derived_bound(case: tuple[Geometry, Operands]) -> None:
    """Each side keeps |error| ≤ γ_n · (|X| * |K|) (Higham 2002, §3.1), so both keep twice it."""
    geometry, operands = case
    absolute = closed_forms(
        geometry,
        Operands(
            input=operands.input.abs(),
            weight=operands.weight.abs(),
            bias=operands.bias.abs(),
            grad_output=operands.grad_output.abs(),
        ),
    )
    (group_in, group_out), (kh, kw) = geometry.group_channels, geometry.kernel_size
    positions = geometry.batch * geometry.output_size[0] * geometry.output_size[1]
    terms = {
        "Y": group_in * kh * kw + 1,
        "dX": group_out * kh * kw,
        "dK": positions,
        "db": positions,
    }
    expected = autograd(torch_conv2d, geometry, operands)
    for name, actual in closed_forms(geometry, operands).items():
        unit = terms[name] * 2.0**-53
        bound = 2 * unit / (1 - unit) * absolute[name]
        assert ((actual - expected[name]).abs() <= bound).all(), name


@settings(max_examples=25)
@given(real_cases(max_batch=1, max_groups=2, max_group_channels=2, max_output=2, max_kernel=2))
def test_reals_agree_with_the_definition_in_fractions(case: tuple[Geometry, Operands]) -> None:
    geometry, operands = case

    def fractions(tensor: Tensor) -> Any:
        exact = [Fraction(value) for value in tensor.flatten().tolist()]
        return np.array(exact, dtype=object).reshape(tensor.shape)

    X, K = fractions(operands.input), fractions(operands.weight)
    exact = definition.conv2d(X, K, geometry)
    scale = definition.conv2d(abs(X), abs(K), geometry)
    terms = geometry.group_channels[0] * geometry.kernel_size[0] * geometry.kernel_size[1]
    unit = Fraction(terms, 2**53)
    actual = fractions(functional.output(operands.input, operands.weight, geometry))

    assert (abs(actual - exact) <= unit / (1 - unit) * scale).all()


@settings(max_examples=15)
@given(real_cases(max_batch=2, max_groups=2, max_group_channels=2, max_output=2, max_kernel=2))
def test_gradcheck_and_gradgradcheck(case: tuple[Geometry, Operands]) -> None:
    geometry, operands = case
    leaves = tuple(
        tensor.requires_grad_() for tensor in (operands.input, operands.weight, operands.bias)
    )

    def convolution(X: Tensor, K: Tensor, b: Tensor) -> Tensor:
        return functional.conv2d(X, K, b, **options(geometry))

    assert torch.autograd.gradcheck(convolution, leaves)
    assert torch.autograd.gradgradcheck(convolution, leaves)


@settings(max_examples=50)
@given(integer_cases(torch.float64), st.integers(0, 2**32))
def test_the_second_order_is_autograds_of_torch(case: tuple[Geometry, Operands], seed: int) -> None:
    geometry, operands = case
    generator = torch.Generator().manual_seed(seed)

    def small(tensor: Tensor) -> Tensor:
        return torch.randint(-9, 10, tensor.shape, generator=generator).double()

    X, K, b, G = (
        small(tensor).requires_grad_()
        for tensor in (operands.input, operands.weight, operands.bias, operands.grad_output)
    )
    V, W, v = small(X), small(K), small(b)
    first = torch.autograd.grad(
        torch_conv2d(X, K, b, **options(geometry)), (X, K, b), G, create_graph=True
    )
    expected = torch.autograd.grad(first, (G, X, K), (V, W, v))

    actual = functional.double_backward(
        G.detach(),
        X.detach(),
        K.detach(),
        geometry,
        grad_grad_input=V,
        grad_grad_weight=W,
        grad_grad_bias=v,
    )
    assert torch.equal(actual.grad_output, expected[0])
    assert torch.equal(actual.input, expected[1])
    assert torch.equal(actual.weight, expected[2])


@pytest.mark.parametrize("dtype", [torch.int8, torch.int16, torch.int32, torch.int64], ids=str)
def test_integer_dtypes_agree_with_the_definition(dtype: torch.dtype) -> None:
    geometry = Geometry.parse("n1 c2 h3 w4 o2 k2x3 s1x2 p1 g2")
    operands = exact_operands(geometry, dtype, seed=0)
    X, K = operands.input.numpy().astype(object), operands.weight.numpy().astype(object)
    Y = functional.output(operands.input, operands.weight, geometry)

    assert Y.dtype == dtype
    assert Y.tolist() == definition.conv2d(X, K, geometry).tolist()
    assert functional.grad_weight(operands.grad_output, operands.input, geometry).dtype == dtype
    assert functional.grad_bias(operands.grad_output).dtype == dtype


@pytest.mark.parametrize("dtype", [torch.int64, torch.float64], ids=str)
def test_products_and_sums_stand_in_for_the_matrix_product(dtype: torch.dtype) -> None:
    left, right = torch.arange(12).reshape(2, 2, 3), torch.arange(24).reshape(2, 3, 4)
    actual = functional.products_summed(left.to(dtype), right.to(dtype))
    assert torch.equal(actual, (left @ right).to(dtype))


class NobodysConvolution(TorchDispatchMode):
    """Fails on an operator that convolves, or unrolls for one that does."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        assert not re.search("conv|fold|col2im|im2col|correlate", str(func)), func
        return func(*args, **(kwargs or {}))


def test_nobodys_convolution_is_called() -> None:
    operands = real_operands(GEOMETRY, torch.float64, seed=0)
    with NobodysConvolution():  # type: ignore[no-untyped-call]  # torch's mode is untyped
        autograd(functional.conv2d, GEOMETRY, operands)
        closed_forms(GEOMETRY, operands)
        with pytest.raises(AssertionError, match="convolution"):
            torch_conv2d(operands.input, operands.weight, groups=2)


def test_an_empty_batch_has_empty_outputs_and_a_kernel_gradient_of_zero() -> None:
    geometry = Geometry.parse("n0 c2 h3 w4 o3 k2x3")
    operands = real_operands(geometry, torch.float64, seed=0)
    results = closed_forms(geometry, operands)

    assert results["Y"].shape == geometry.output_shape
    assert results["dX"].shape == geometry.input_shape
    assert torch.equal(results["dK"], torch.zeros(geometry.weight_shape, dtype=torch.float64))


def test_a_single_sample_needs_no_batch() -> None:
    X, K = torch.arange(12.0).reshape(1, 3, 4), torch.ones(1, 1, 2, 2)
    assert torch.equal(functional.conv2d(X, K), torch_conv2d(X, K))


def test_operands_may_have_any_layout() -> None:
    operands = exact_operands(GEOMETRY, torch.float32, seed=0)
    X = operands.input.to(memory_format=torch.channels_last)
    K = operands.weight.permute(2, 3, 0, 1).contiguous().permute(2, 3, 0, 1)
    G = operands.grad_output.transpose(2, 3).contiguous().transpose(2, 3)
    strided = Operands(input=X, weight=K, bias=operands.bias, grad_output=G)

    expected = closed_forms(GEOMETRY, operands)
    for name, actual in closed_forms(GEOMETRY, strided).items():
        assert torch.equal(actual, expected[name])


@pytest.mark.parametrize("padding", [0, 1])
def test_the_gradient_of_an_expanded_image_is_each_elements_own(padding: int) -> None:
    X = torch.ones(1, 1, 2, 1).expand(1, 1, 2, 3).requires_grad_()
    K = torch.ones(1, 1, 1, 1)
    Y = functional.conv2d(X, K, padding=padding)
    G = torch.arange(Y.numel(), dtype=torch.float32).reshape(Y.shape)
    (dX,) = torch.autograd.grad(Y, X, G)
    (expected,) = torch.autograd.grad(torch_conv2d(X, K, padding=padding), X, G)
    assert torch.equal(dX, expected)


def test_the_jacobian_and_vmap_pass_through() -> None:
    X, K = torch.arange(24.0).reshape(2, 1, 3, 4), torch.ones(1, 1, 2, 2)
    jacobian = torch.func.jacrev(functional.conv2d, argnums=1)(X, K)

    assert torch.equal(jacobian, torch.func.jacrev(torch_conv2d, argnums=1)(X, K))
    batched = torch.func.vmap(functional.conv2d, in_dims=(0, None))(X[:, None], K)
    assert torch.equal(batched[:, 0], functional.conv2d(X, K))


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("kernel", [(2, 3), (4, 1)])
def test_padding_by_a_word_is_torchs(padding: str, kernel: tuple[int, int]) -> None:
    X, K = torch.arange(40.0).reshape(1, 1, 5, 8), torch.ones(1, 1, *kernel)
    actual = functional.conv2d(X, K, padding=padding)  # type: ignore[arg-type]  # nonsense: that is the test
    with torch.no_grad():
        assert torch.equal(actual, _torch_by_word(X, K, padding))


def _torch_by_word(X: Tensor, K: Tensor, padding: str) -> Tensor:
    """Torch warns of a copy where the padding is uneven; the copy is not our concern."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch_conv2d(X, K, padding=padding)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            (torch.ones(1, 1, 3, 3), torch.ones(1, 1, 2, 2, dtype=torch.float64)),
            TypeError,
            "weight must have the other operand's dtype torch.float32, got torch.float64",
        ),
        (
            (torch.ones(1, 1, 3, 3), torch.ones(1, 1, 2, 2), torch.ones(2)),
            ValueError,
            "bias must have shape (1,), got (2,)",
        ),
        (
            (torch.ones(1, 1, 3, 3), torch.ones(1, 1, 4, 4)),
            ValueError,
            "the kernel must fit into the padded input",
        ),
        (
            (torch.ones(1, 1, 3, 3), torch.ones(1, 1, 2, 2, device="meta")),
            ValueError,
            "weight must be on the other operand's device cpu, got meta",
        ),
    ],
    ids=["dtype", "bias", "kernel", "device"],
)
def test_operands_that_do_not_fit_are_refused(
    arguments: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=f"^{re.escape(message)}"):
        functional.conv2d(*arguments)


def test_a_gradient_of_another_shape_is_refused() -> None:
    operands = real_operands(GEOMETRY, torch.float64, seed=0)
    with pytest.raises(ValueError, match="^grad_output must have shape"):
        functional.grad_input(operands.grad_output[:, :, :1], operands.weight, GEOMETRY)
    with pytest.raises(ValueError, match="^input must have shape"):
        functional.grad_weight(operands.grad_output, operands.input[:, :, :1], GEOMETRY)


@given(geometries(), st.integers(0, 2**31))
def test_many_products_are_added_where_few_are(geometry: Geometry, seed: int) -> None:
    operands = exact_operands(geometry, torch.float32, seed=seed)
    at_once = functional.grad_input(operands.grad_output, operands.weight, geometry)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(functional, "_FEW", -1)
        one_by_one = functional.grad_input(operands.grad_output, operands.weight, geometry)
    assert torch.equal(one_by_one, at_once)


def test_annotated_shapes_are_checked_at_each_call_here() -> None:
    with pytest.raises(TypeCheckError, match="grad_output"):
        functional.grad_bias(torch.zeros(2, 3))
