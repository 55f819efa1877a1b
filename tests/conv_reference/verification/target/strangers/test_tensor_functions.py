from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from conv_reference.verification.model.errors import TargetError
from conv_reference.verification.target.signatures import is_called_by_position
from conv_reference.verification.target.strangers.tensor_functions import tensor_function


def function(img: Tensor, flt: Tensor, b: Any, pads: int, S: Any = 2, colour: str = "red") -> Any:
    return img, flt, b, pads, S, colour


def test_parameters_are_known_by_the_names_that_people_give_them() -> None:
    own = tensor_function(function)
    assert own.names == {"bias": "b", "padding": "pads", "stride": "S"}
    assert own.defaults == {"stride": 2}
    assert own.foreign == ("colour",)


def test_each_option_is_given_under_its_own_name() -> None:
    X, K, b = torch.ones(1), torch.ones(2), torch.ones(3)
    given = tensor_function(function).bound({"padding": 4, "stride": 5, "groups": 6})(X, K, b)
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
    own = tensor_function(Applied.apply)
    assert float(own.bound({"stride": 3, "padding": 2})(one, one, None)) == 123
    assert float(own.bound({"stride": 3})(one, one, None)) == 103


def test_options_may_be_numbers_of_their_own() -> None:
    def by_numbers(x: Any, w: Any, stride_h: int, stride_w: int, pad_t: int, pad_b: int,
                   pad_l: int = 0, pad_r: int = 0, dh: int = 1, dw: int = 1) -> Any:  # fmt: skip
        return stride_h, stride_w, pad_t, pad_b, pad_l, pad_r, dh, dw

    own = tensor_function(by_numbers)
    assert own.has_sides
    assert own.defaults == {"dilation": (1, 1)}  # of padding two sides have none
    settings = {"stride": (2, 3), "padding": ((4, 5), (6, 7)), "dilation": (8, 9)}
    X = torch.ones(())
    assert own.bound(settings)(X, X, None) == (2, 3, 4, 5, 6, 7, 8, 9)


def by_dictionary(x: Any, w: Any, conv_param: dict[str, Any]) -> Any:
    return conv_param["stride"], conv_param.get("pad")


def test_a_dictionary_holds_options_by_their_names_and_records_which_are_read() -> None:
    own = tensor_function(by_dictionary)
    one = torch.ones(())

    assert own.names == {"stride": "conv_param['stride']", "padding": "conv_param['pad']"}
    assert own.in_dictionary == {"stride", "padding"}
    assert own.options_read() == frozenset()
    assert own.bound({"stride": 2, "padding": 1})(one, one, None) == (2, 1)
    assert own.bound({"stride": 3})(one, one, None) == (3, None)
    assert own.options_read() == {"stride", "padding"}


@pytest.mark.parametrize(
    ("implementation", "said"),
    [
        (lambda x: x, "accepted is a function of an input and a kernel"),
        (lambda x, y, z: x, "no parameter of conv2d is called z"),
        (lambda *given: given, "accepted is a function of an input and a kernel"),
        (dict, "it has no signature"),
    ],
)
def test_what_says_too_little_is_refused(implementation: Any, said: str) -> None:
    with pytest.raises(TargetError, match=f"^{said}$"):
        tensor_function(implementation)
