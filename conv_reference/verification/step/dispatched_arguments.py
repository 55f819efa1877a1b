"""The arguments of a dispatched call with other numbers in its tensors: only their strides stay."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from conv_reference.operands import Operands
from conv_reference.verification.step.dispatched import Dispatched


def with_operands(
    call: Dispatched, arguments: tuple[Any, ...], operands: Operands
) -> tuple[Any, ...]:
    """The same arguments with an operand of the form in each tensor.

    Args:
        call: that was dispatched.
        arguments: that it was called with.
        operands: of the call's geometry.
    """
    roles = _roles(call, operands, len(arguments))
    return tuple(
        _like(argument, tensor) if isinstance(argument, Tensor) else argument
        for argument, tensor in zip(arguments, roles, strict=True)
    )


def _roles(call: Dispatched, operands: Operands, number: int) -> list[Tensor | None]:
    """Which operand of the form each argument is; None for what is no tensor."""
    small, big = operands.grad_output, operands.input
    inner, outer = (small, big) if call.transposed else (big, small)
    if call.backward:
        given: list[Tensor | None] = [outer, inner, operands.weight]
    else:
        given = [inner, operands.weight, _bias(call, operands)]
    return [*given, *[None] * (number - len(given))]


def _bias(call: Dispatched, operands: Operands) -> Tensor:
    """As many as the output has channels: of a transposed convolution the form's input."""
    if not call.transposed:
        return operands.bias
    X = operands.input
    return X[0, :, 0, 0] if X.numel() else X.new_zeros(X.shape[1])


def _like(argument: Tensor, values: Tensor | None) -> Tensor:
    """The values in a tensor of the argument's strides, as far as those are dense."""
    assert values is not None
    shaped = values.reshape(argument.shape)
    if (shaped.stride(), shaped.device, shaped.dtype) == (
        argument.stride(),
        argument.device,
        argument.dtype,
    ):
        return shaped  # a large one is not held twice
    return torch.empty_like(argument).copy_(shaped)
