from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from conv_reference.geometry import Geometry
from conv_reference.verification.step.dispatched import NotJudged, forward

X, K = torch.ones(2, 1, 3, 4), torch.ones(1, 1, 2, 2)
Y = torch.nn.functional.conv2d(X, K)


class Tagged(Tensor):
    """Nobody knows what its operations do."""


def read(X: Tensor, Y: Any) -> Any:
    return forward((X, K, None, (1, 1), (0, 0), (1, 1), False, (0, 0), 1), Y)


def test_a_call_is_read_with_its_geometry() -> None:
    assert read(X, Y).geometry == Geometry(batch=2, input_size=(3, 4), kernel_size=(2, 2))


@pytest.mark.parametrize(
    ("output", "why"),
    [
        (Y.long(), "not a floating tensor"),
        ((Y,), "not a floating tensor"),
        (Y.as_subclass(Tagged), "a tensor of the subclass Tagged"),
        (Y.to("meta"), "a tensor on the device meta, which has no numbers"),
        (Y.to_sparse(), "a tensor without strided memory"),
    ],
    ids=["integers", "a tuple", "a subclass", "meta", "sparse"],
)
def test_what_cannot_be_judged_says_why(output: Any, why: str) -> None:
    with pytest.raises(NotJudged, match=f"^{why}$"):
        read(X, output)
