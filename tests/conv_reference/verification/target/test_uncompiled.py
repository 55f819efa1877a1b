"""What was compiled is called as it was written, where there is no time for a compiler."""

from __future__ import annotations

import sys
from typing import Any

import pytest
import torch
from torch import nn

from conv_reference.verification.target.uncompiled import beneath, without_compiler


def written(x: Any) -> Any:
    return x


LAYER = nn.Conv2d(1, 1, 1)


@pytest.mark.parametrize("value", [written, LAYER], ids=["function", "layer"])
def test_beneath_what_is_compiled_lies_what_was_written(value: Any) -> None:
    made = torch.compile(value, backend="eager")
    assert made is not value
    assert beneath(made) is value


@pytest.mark.parametrize("value", [written, LAYER, nn.Conv2d, 3, None, "text"])
def test_anything_else_is_what_it_is(value: Any) -> None:
    assert beneath(value) is value


def test_what_a_function_calls_is_not_compiled_either(monkeypatch: pytest.MonkeyPatch) -> None:
    stances: list[str] = []
    monkeypatch.setattr(torch.compiler, "set_stance", stances.append)
    monkeypatch.delitem(sys.modules, "torch._dynamo", raising=False)
    without_compiler()
    assert not stances  # its compiler is not even there
    monkeypatch.setitem(sys.modules, "torch._dynamo", torch)
    without_compiler()
    assert stances == ["force_eager"]
