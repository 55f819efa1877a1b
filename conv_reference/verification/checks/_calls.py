"""One call taken apart: its arguments, Y and the gradients; and a call after it on other values."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from conv_reference.geometry import Geometry
from conv_reference.operands import Operands
from conv_reference.verification.checks._modes import PLAIN, Mode
from conv_reference.verification.target.answers import looked_at
from conv_reference.verification.target.target import Call
from conv_reference.verification.trial.trial import Trial, target_code


def arguments_of(call: Call) -> dict[str, Tensor]:
    """X, K, b and G by their letters, those that there are."""
    named = call.arguments | {"G": call.G}
    return {name: tensor for name, tensor in named.items() if tensor is not None}


def on(trial: Trial, geometry: Geometry) -> Trial | None:
    """The same on another geometry; None where it cannot be put, or no integer is exact."""
    other = replace(trial, case=replace(trial.case, geometry=geometry))
    return other if trial.target.can_be_asked(geometry) and other.has_room else None


def of_no_leaves(call: Call) -> Call:
    """The same of what another operation made, as in a network; a layer's own kernel stays."""
    made = replace(call, X=call.X * 1)
    if call.layer is not None:
        return made
    return replace(made, K=call.K * 1, b=None if call.b is None else call.b * 1)


def forward(call: Call) -> Tensor | None:
    """Y; None where it is no tensor of the right shape, which the certificate reports."""
    with target_code("Y"):
        Y = call.forward()
    return Y if isinstance(Y, Tensor) and Y.shape == call.G.shape else None


def plain_forward(trial: Trial, operands: Operands) -> Tensor | None:
    """Y of these operands, on the CPU; None where it is of another shape or dtype, too.

    Args:
        trial: of the case.
        operands: in its shapes and dtype.
    """
    call = trial.call(operands)
    Y = forward(call)
    return None if Y is None or Y.dtype != trial.case.dtype else Y.detach().to("cpu")


def backward(call: Call, Y: Tensor, *, retain_graph: bool = False) -> dict[str, Tensor]:
    """The gradients themselves, not copies, of those leaves that get one."""
    leaves = call.leaves
    with target_code(*leaves):
        gradients = torch.autograd.grad(
            Y,
            list(leaves.values()),
            call.G.to(Y.dtype),
            allow_unused=True,
            retain_graph=retain_graph,
        )
    named: dict[str, Tensor | None] = dict(zip(leaves, gradients, strict=True))
    seen = {name: looked_at(value) for name, value in named.items()}
    return {name: value for name, value in seen.items() if isinstance(value, Tensor)}


def results_of(call: Call, mode: Mode = PLAIN) -> dict[str, Tensor]:
    """Y itself, not a copy of it, and the gradients; the backward pass is outside of the mode."""
    with mode.of(call):
        Y = forward(call)
    if Y is None:
        return {}
    found = backward(call, Y) if Y.requires_grad and call.leaves else {}
    return {"Y": Y.detach(), **found}


def negated(operands: Operands) -> Operands:
    """Other values, for which Y and the gradients are other ones, too; the kernel stays."""
    return Operands(
        input=-operands.input,
        weight=operands.weight,
        bias=-operands.bias,
        grad_output=-operands.grad_output,
    )


def overwrite(call: Call, operands: Operands) -> None:
    """Write other values into the tensors of a call."""
    pairs = (
        (call.X, operands.input),
        (call.K, operands.weight),
        (call.b, operands.bias),
        (call.G, operands.grad_output),
    )
    with torch.no_grad():
        for tensor, values in pairs:
            if tensor is not None:
                tensor.copy_(values.reshape(tensor.shape))


def second(trial: Trial, first: Call, **changes: Any) -> tuple[Operands, Call]:
    """A call on other values, and the values; a layer keeps its kernel and bias.

    Args:
        trial: whose operands are negated.
        first: the call before it.
        **changes: of the case, as for ``Trial.call``.
    """
    other_values = negated(trial.operands)
    if first.layer is None:
        return other_values, trial.call(other_values, **changes)
    kept = replace(other_values, bias=trial.operands.bias)
    other = trial.call(kept, **changes)
    return kept, replace(first, X=other.X, G=other.G)
