from __future__ import annotations

from typing import Any

import pytest
import torch
from judging import exact_everywhere, failures
from torch import Tensor, nn
from torch.nn.functional import conv2d

from conv_reference import functional
from conv_reference.verification.checks import all_checks
from conv_reference.verification.faults.sound import right
from conv_reference.verification.target.conventions import as_target

SIZES = "float32 n2 c2 h5 w6 o3 k3x2"


@pytest.mark.parametrize(
    "implementation", [conv2d, nn.Conv2d, functional.conv2d, nn.Conv2d(2, 2, 3), right.Im2col]
)
def test_no_false_alarm(implementation: Any) -> None:
    assert exact_everywhere(implementation, "bias_layout", count=3) > 0


def by_address(input: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Reads the bias as if its elements lay side by side, where they can be."""
    room = bias.untyped_storage().nbytes() // bias.element_size() - bias.storage_offset()
    if room >= len(bias):
        bias = bias.as_strided(bias.shape, (1,))
    return conv2d(input, weight, bias)


def never_expanded(input: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    if bias.stride() == (0,):
        bias = torch.cat([bias[:1], 0 * bias[1:]])
    return conv2d(input, weight, bias)


@pytest.mark.parametrize(
    ("implementation", "said"),
    [(by_address, "a bias with steps of 2: "), (never_expanded, "a bias expanded from one")],
)
def test_a_bias_that_is_read_by_its_address_is_found(implementation: Any, said: str) -> None:
    assert said in failures(implementation, f"bias_layout {SIZES}")["bias_layout", "Y"]
    assert not failures(implementation, f"certificate {SIZES}")


def test_what_takes_no_bias_is_not_asked() -> None:
    def unbiased(input: Tensor, weight: Tensor) -> Tensor:
        return conv2d(input, weight)

    assert all_checks()["bias_layout"].unsupported(as_target(unbiased)) == "it takes no bias"
