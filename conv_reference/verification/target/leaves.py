"""Operands as a target is given them: leaves of autograd's graph, and views in one dimension."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from conv_reference.operands import Operands
from conv_reference.verification.model.case import Case
from conv_reference.verification.target.target import Call


@dataclass(frozen=True)
class _Line:
    """Operands in one dimension: views of those of four."""

    input: Tensor
    weight: Tensor
    bias: Tensor
    grad_output: Tensor


def in_a_line(operands: Operands) -> Any:
    """Operands of height one as those of one dimension: X (n, c, w), K (o, c/groups, kw)."""
    X, K, G = (t[:, :, 0] for t in (operands.input, operands.weight, operands.grad_output))
    return _Line(X, K, operands.bias, G)


def leaf(tensor: Tensor, case: Case, letter: str) -> Tensor:
    """A tensor as a leaf, which asks for a gradient where the case does under this letter."""
    return tensor.detach().requires_grad_(letter in case.requires_grad)


def called_on_leaves(function: Callable[..., Any], case: Case, operands: Operands) -> Call:
    """The call of a function of X, K and b, each a leaf."""
    return Call(
        function=function,
        X=leaf(operands.input, case, "X"),
        K=leaf(operands.weight, case, "K"),
        b=leaf(operands.bias, case, "b") if case.bias else None,
        G=operands.grad_output,
    )
