"""Layouts that an adapter names are believed where the strides of its arrays can be read."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch_as_framework import Right

from conv_reference.verification import Framework, TargetError, as_target


class Hidden:
    """An array of which only the framework itself knows how it lies."""

    def __init__(self, held: torch.Tensor) -> None:
        self.held = held


class HidesStrides(Framework):
    layouts = ("contiguous", "channels_last")

    def to(self, tensor: torch.Tensor) -> Hidden:
        return Hidden(tensor)

    def back(self, array: Hidden) -> torch.Tensor:
        return array.held.clone()

    def conv(self, x: Any, w: Any, b: Any, **options: Any) -> Hidden:
        held = (each if each is None else each.held for each in (x, w, b))
        return Hidden(Right().conv(*held, **options))


def test_an_array_that_hides_its_strides_is_told_what_could_have_read_them() -> None:
    message = r"`to` of a tensor with .* has no strides that numpy or DLPack can read: "
    with pytest.raises(TargetError, match=message):
        as_target(HidesStrides)
