from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from conv_reference.verification.model.errors import TargetError
from conv_reference.verification.target.strangers.instances import instance
from conv_reference.verification.target.strangers.stranger import LIKE, Stranger
from conv_reference.verification.target.strangers.tensor_layers import parts, tensor_layer


class Sides(nn.Module):
    def __init__(self, kh: int, kw: int) -> None:
        super().__init__()
        self.K = nn.Parameter(torch.zeros(kh, kw))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.K


def test_a_kernel_may_be_given_as_its_two_sides() -> None:
    own = tensor_layer(Sides)
    assert own.sides == ("kh", "kw")
    K = torch.tensor([[1.0, 2.0, 3.0]])
    assert torch.equal(own.bound({"kernel_size": (1, 3)})(torch.tensor(2.0), K, None), 2 * K)


def test_a_kernel_of_another_shape_is_not_put_in() -> None:
    call = tensor_layer(Sides).bound({"kernel_size": (3, 1)})
    with pytest.raises(TargetError, match=r"shape \(3, 1\), not \(1, 3\)"):
        call(torch.ones(()), torch.ones(1, 3), None)


def test_a_layer_may_take_numbers_of_their_own() -> None:
    class Numbers(Sides):
        def __init__(self, kh: int, kw: int, pad_h: int = 0, pad_w: int = 0) -> None:
            super().__init__(kh + pad_h, kw + pad_w)

    own = tensor_layer(Numbers)
    assert own.defaults["padding"] == (0, 0)
    call = own.bound({"kernel_size": (1, 3), "padding": (1, 2)})
    assert call(torch.ones(()), torch.ones(2, 5), None).shape == (2, 5)


class Shapeless(nn.Module):
    def __init__(self, size_of_nothing: int) -> None:
        super().__init__()


class Open(nn.Module):
    def __init__(self, *sizes: int) -> None:
        super().__init__()


class Sizeless(nn.Module):
    def __init__(self, stride: int = 1) -> None:
        super().__init__()


class Given(nn.Module):
    def __init__(self, weight: Tensor) -> None:
        super().__init__()


@pytest.mark.parametrize(
    ("implementation", "said"),
    [
        (Shapeless, "no parameter of conv2d is called size_of_nothing"),
        (Open, "accepted is a layer whose constructor names what it takes"),
        (Sizeless, "accepted is a layer whose constructor takes the kernel's size"),
        (Given, "accepted is a layer that makes its kernel itself"),
    ],
)
def test_what_says_too_little_is_refused(implementation: Any, said: str) -> None:
    with pytest.raises(TargetError, match=f"^{said}$"):
        tensor_layer(implementation)


def test_a_layer_takes_one_call_at_a_time() -> None:
    call = tensor_layer(Sides).bound({"kernel_size": (1, 1)})
    with ThreadPoolExecutor(1) as other:
        late = other.submit(call, torch.ones(()), torch.ones(1, 1), None)
        with pytest.raises(NotImplementedError, match="takes one call at a time"):
            late.result()


def test_a_bias_is_told_by_its_name_or_its_one_dimension() -> None:
    layer = nn.Module()
    layer.register_parameter("W", nn.Parameter(torch.zeros(2, 3)))
    layer.register_parameter("b", nn.Parameter(torch.zeros(2, 1)))
    kernel, bias = parts(layer)
    assert (kernel[0], bias and bias[0]) == ("W", "b")
    layer.register_parameter("V", nn.Parameter(torch.zeros(2, 3)))
    with pytest.raises(TargetError, match="one kernel"):
        parts(layer)


class Cross(nn.Module):
    """In float32, as a layer is made."""

    def __init__(self, k: int) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.zeros(1, 1, k, k))

    def forward(self, x: Tensor) -> Tensor:
        return torch.nn.functional.conv2d(x, self.kernel)


@pytest.mark.parametrize(
    "own", [tensor_layer(Cross), instance(Cross(2))], ids=["class", "instance"]
)
def test_a_layer_is_converted_before_it_is_called_in_a_transform(own: Stranger) -> None:
    X, K = torch.ones(1, 1, 3, 3, dtype=torch.float64), torch.ones(1, 1, 2, 2, dtype=torch.float64)
    call = own.bound({"kernel_size": 2, LIKE: X})
    (held,) = (
        c.cell_contents for c in call.__closure__ or () if isinstance(c.cell_contents, Cross)
    )

    torch.func.vjp(lambda X: call(X, K, None), X)
    assert held.kernel.dtype == torch.float64
    # What a transform has made is gone with it: torch reads freed memory there.
    assert not torch._C._functorch.is_functorch_wrapped_tensor(held.kernel)
    assert torch.equal(call(X, K, None), torch.full((1, 1, 2, 2), 4.0, dtype=torch.float64))
