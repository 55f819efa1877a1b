from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from conv_reference.verification.step.certify import certify


class Unwritable(nn.ReLU):
    """Its text cannot be had."""

    def __repr__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"every": 0}, "every must be at least 1, got 0"),
        ({"sample": 0.0}, "sample must be above 0 and at most 1, got 0.0"),
        ({"sample": 1.5}, "sample must be above 0 and at most 1, got 1.5"),
        ({"sample": float("nan")}, "sample must be above 0 and at most 1, got nan"),
        ({"seed": -1}, "seed must be 0..2**62, got -1"),
        ({"seed": 2**64}, "seed must be 0..2**62, got 18446744073709551616"),
        ({"allowed_bits": 0}, "allowed_bits must be 1..53, got 0"),
        ({"allowed_bits": 54}, "allowed_bits must be 1..53, got 54"),
    ],
    ids=lambda given: given if isinstance(given, str) else str(given),
)
def test_what_is_out_of_range_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        certify(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"every": 1.5}, "every must be an integer, at least 1, got 1.5"),
        ({"every": True}, "every must be an integer, at least 1, got True"),
        ({"every": None}, "every must be an integer, at least 1, got None"),
        ({"sample": "a"}, "sample must be a number above 0, at most 1, got 'a'"),
        ({"sample": True}, "sample must be a number above 0, at most 1, got True"),
        ({"sample": 1 + 0j}, "sample must be a number above 0, at most 1, got (1+0j)"),
        ({"replayed": 3}, "replayed must be True or False, got 3"),
        ({"replayed": None}, "replayed must be True or False, got None"),
        ({"allowed_bits": 9.5}, "allowed_bits must be an integer, 1..53, got 9.5"),
        ({"seed": "0"}, "seed must be an integer, 0..2**62, got '0'"),
        ({"model": "x"}, "model must be an nn.Module, or None, got 'x'"),
        (
            {"model": nn.ReLU},
            "model must be an nn.Module, or None, got <class 'torch.nn.modules.ac",
        ),
        ({"model": [Unwritable()]}, "model must be an nn.Module, or None, got an object of type l"),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
def test_what_is_of_another_type_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError, match=f"^{re.escape(message)}") as refused:
        certify(**options)
    assert len(str(refused.value).splitlines()) == 1
    assert len(str(refused.value)) < 120


def test_numbers_of_other_kinds_are_taken() -> None:
    layer = nn.Conv2d(3, 4, 3)
    given: Any = {"every": np.int64(2), "sample": np.float32(1), "seed": np.int32(3)}
    given |= {"allowed_bits": np.int64(10)}
    with certify(layer, **given) as certificate:
        layer(torch.randn(2, 3, 8, 8))
    certificate.raise_if_wrong()
