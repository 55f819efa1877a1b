from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from conv_reference.verification.model.errors import TargetError
from conv_reference.verification.target.names import completed
from conv_reference.verification.target.strangers.handed_kernels import (
    kernel_handed,
    takes_a_kernel,
)


class Handed(nn.Module):
    def __init__(self, with_bias: bool = True) -> None:
        super().__init__()
        self.with_bias = with_bias

    def forward(self, x: Tensor, kernels: Tensor, b: Tensor | None = None) -> Any:
        return self.with_bias, x, kernels, b


class Adapter:
    def forward(self, input: Any, weight: Any) -> Any: ...

    def vjp(self, grad_output: Any) -> Any: ...


class Training:
    def forward(self, x: Any, training: bool) -> Any: ...


class Function(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor) -> Any: ...


class Static:
    @staticmethod
    def forward(stride: int, x: Any, w: Any) -> Any: ...


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        *((Handed, True), (Adapter, False), (Training, False), (Function, False)),
        *((Static, False), (nn.Bilinear, False), (Handed(), False), (len, False)),
    ],
)
def test_a_kernel_is_taken_behind_the_input_by_its_name(layer: Any, *, expected: bool) -> None:
    assert takes_a_kernel(layer) is expected


def test_a_word_for_a_bias_stays_at_its_default_and_a_bias_is_handed() -> None:
    own = kernel_handed(Handed, of_arrays=False)
    assert own.names == {"bias": "b"}
    call = own.bound({})
    X, K, b = torch.ones(1), torch.ones(2), torch.ones(3)
    with_bias, *_, given = call(X, K, None)
    assert with_bias
    assert given is None
    assert call(X, K, b)[3] is b


class Times:
    def __init__(self, k: int = 1) -> None:
        self.k = k

    def forward(self, x: Any, filters: Any) -> Any:
        self.x, self.filters = x, filters
        return x.sum() * filters

    def backward(self, dout: Any, *, scale: float = 1) -> Any:
        self.dfilters = dout * self.x.sum() * scale
        return np.full_like(self.x, (dout * self.filters).sum() * scale)


def test_beside_dx_alone_the_gradients_are_those_that_it_leaves_in_itself() -> None:
    own = kernel_handed(Times, of_arrays=True)
    assert own.has_backward
    X = torch.ones(2, requires_grad=True)
    K = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    own.bound({})(X, K, None).backward(torch.ones(3))
    assert X.grad is not None
    assert K.grad is not None
    assert X.grad.tolist() == [6, 6]
    assert K.grad.tolist() == [2, 2, 2]


def test_one_whose_constructor_takes_the_kernel_too_is_not_meant() -> None:
    class Both(Times):
        def __init__(self, w: Any) -> None:
            super().__init__()

    with pytest.raises(TargetError, match="handed its kernel once"):
        kernel_handed(Both, of_arrays=True)


def test_a_file_is_searched_for_such_a_layer_by_its_text(tmp_path: Path) -> None:
    path = tmp_path / "handed.py"
    path.write_text("class Conv:\n    def forward(self, x, kernel): ...\n")
    assert completed(str(path)) == f"{path}:Conv"
    path.write_text("class Conv:\n    def forward(self, x, training): ...\n")
    with pytest.raises(TargetError, match="shows none"):
        completed(str(path))
