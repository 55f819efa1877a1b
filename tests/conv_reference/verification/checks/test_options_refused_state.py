"""What a call that raises leaves behind: settings of the process, and modes of torch."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from judging import failures
from torch import Tensor, nn
from torch.nn.functional import conv2d

from conv_reference import functional

CASE = "refusals float64 h4 w5 k2x3"


def left(implementation: Any) -> dict[str, str]:
    found = failures(implementation, CASE)
    return {quantity: said for (row, quantity), said in found.items() if row != "refusals"}


@pytest.mark.parametrize("implementation", [conv2d, nn.Conv2d, functional.conv2d])
def test_no_false_alarm(implementation: Any) -> None:
    assert left(implementation) == {}


def makes_everything_of_the_images_dtype(input: Tensor, weight: Tensor) -> Tensor:
    before = torch.get_default_dtype()
    torch.set_default_dtype(input.dtype)
    Y = conv2d(input, weight)
    torch.set_default_dtype(before)
    return Y


def without_a_graph(input: Tensor, weight: Tensor) -> Tensor:
    torch.set_grad_enabled(False)
    Y = conv2d(input, weight)
    torch.set_grad_enabled(True)
    return Y


@pytest.mark.parametrize(
    ("implementation", "state"),
    [
        (makes_everything_of_the_images_dtype, "default dtype"),
        (without_a_graph, "gradient mode"),
    ],
)
def test_a_setting_that_is_put_back_only_where_nothing_raises_is_found(
    implementation: Any, state: str
) -> None:
    said = "a call that raises (3 input channels for a kernel of 4): should be left alone, is"
    found = left(implementation)
    assert list(found) == [state]
    assert found[state].startswith(said)
    assert torch.get_default_dtype() == torch.float32
    assert torch.is_grad_enabled()


def test_a_mode_that_is_left_only_where_nothing_raises_is_found() -> None:
    def on_its_device(input: Tensor, weight: Tensor) -> Tensor:
        device = torch.device("cpu")
        device.__enter__()
        Y = conv2d(input, weight)
        device.__exit__(None, None, None)
        return Y

    found = left(on_its_device)
    assert list(found) == ["modes of torch"]
    assert "a mode over torch's functions was left entered" in found["modes of torch"]
