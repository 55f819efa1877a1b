from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from conv_reference.verification.model.errors import TargetError
from conv_reference.verification.target.signatures import is_called_by_position
from conv_reference.verification.target.strangers import parts, stranger


def function(img: Tensor, flt: Tensor, b: Any, pads: int, S: Any = 2, colour: str = "red") -> Any:
    return img, flt, b, pads, S, colour


def test_parameters_are_known_by_the_names_that_people_give_them() -> None:
    own = stranger(function)
    assert own.names == {"bias": "b", "padding": "pads", "stride": "S"}
    assert own.defaults == {"stride": 2}
    assert own.foreign == ("colour",)


def test_each_option_is_given_under_its_own_name() -> None:
    X, K, b = torch.ones(1), torch.ones(2), torch.ones(3)
    given = stranger(function).bound({"padding": 4, "stride": 5, "groups": 6})(X, K, b)
    assert given == (X, K, b, 4, 5, "red")


class Applied(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor, pad: int = 0, strides: int = 1) -> Tensor:
        return x * 100 + pad * 10 + strides


def test_an_apply_takes_no_names() -> None:
    assert is_called_by_position(Applied.apply, {"strides": 1})
    assert not is_called_by_position(function, {"S": 1})


def test_an_apply_is_called_by_position() -> None:
    one = torch.ones(())
    own = stranger(Applied.apply)
    assert float(own.bound({"stride": 3, "padding": 2})(one, one, None)) == 123
    assert float(own.bound({"stride": 3})(one, one, None)) == 103


class Sides(nn.Module):
    def __init__(self, kh: int, kw: int) -> None:
        super().__init__()
        self.K = nn.Parameter(torch.zeros(kh, kw))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.K


def test_a_kernel_may_be_given_as_its_two_sides() -> None:
    own = stranger(Sides)
    assert own.sides == ("kh", "kw")
    K = torch.tensor([[1.0, 2.0, 3.0]])
    assert torch.equal(own.bound({"kernel_size": (1, 3)})(torch.tensor(2.0), K, None), 2 * K)


def test_a_kernel_of_another_shape_is_not_put_in() -> None:
    call = stranger(Sides).bound({"kernel_size": (3, 1)})
    with pytest.raises(TargetError, match=r"shape \(3, 1\), not \(1, 3\)"):
        call(torch.ones(()), torch.ones(1, 3), None)


class Shapeless(nn.Module):
    def __init__(self, size_of_nothing: int) -> None:
        super().__init__()


@pytest.mark.parametrize(
    "implementation", [Shapeless, lambda x: x, lambda x, y, z: x, lambda *given: given, dict]
)
def test_what_says_too_little_is_refused(implementation: Any) -> None:
    with pytest.raises(TargetError):
        stranger(implementation)


def test_a_bias_is_told_by_its_name_or_its_one_dimension() -> None:
    layer = nn.Module()
    layer.register_parameter("W", nn.Parameter(torch.zeros(2, 3)))
    layer.register_parameter("b", nn.Parameter(torch.zeros(2, 1)))
    kernel, bias = parts(layer)
    assert (kernel[0], bias and bias[0]) == ("W", "b")
    layer.register_parameter("V", nn.Parameter(torch.zeros(2, 3)))
    with pytest.raises(TargetError, match="one kernel"):
        parts(layer)
