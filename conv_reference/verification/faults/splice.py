"""A value with the derivative of another."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class Splice(torch.autograd.Function):
    """The first's value with the second's derivative."""

    generate_vmap_rule = True

    @staticmethod
    def forward(value: Tensor, slope: Tensor) -> Tensor:
        return value.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Any:
        return None, grad_outputs[0]


def spliced(value: Tensor, slope: Tensor) -> Tensor:
    result: Tensor = Splice.apply(value.detach(), slope)  # type: ignore[no-untyped-call]  # torch's `apply` is untyped
    return result
