"""The forward pass and the three first-order gradients, observed and expected."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from conv_reference import functional
from conv_reference.geometry import Geometry
from conv_reference.operands import Operands
from conv_reference.verification.target import Target

# The check's name, by the quantity that it judges.
CHECKS: Mapping[str, str] = {
    "Y": "forward",
    "dX": "grad_input",
    "dK": "grad_weight",
    "db": "grad_bias",
}


@dataclass(frozen=True)
class Expected:
    """What the oracle says of one quantity, in float64."""

    value: Tensor  # exact
    scale: Callable[[], Tensor]  # the sum of absolute products behind each element
    terms: int  # the most products behind one element
    dtype: torch.dtype  # that the implementation should answer in


@dataclass(frozen=True)
class Raised:
    """The implementation threw instead of answering."""

    error: BaseException


def observe(
    target: Target, geometry: Geometry, operands: Operands, *, with_bias: bool
) -> dict[str, Any]:
    """Run the implementation forward and backward; what it throws is an observation too.

    Returns:
        Y and, when Y is a tensor of the right shape, dX, dK and (with a bias) db.
    """
    call = target.prepare(geometry, operands, with_bias)
    leaves = {"dX": call.X, "dK": call.K} | ({} if call.b is None else {"db": call.b})
    shape = _own_shape(target, geometry.output_shape)
    Y = _attempt(call.forward)
    if not isinstance(Y, Tensor) or tuple(Y.shape) != shape:
        return {"Y": Y}
    if not Y.requires_grad:
        return {"Y": Y, **dict.fromkeys(leaves)}
    value = Y.detach().clone()  # before the backward pass can touch it
    G = operands.grad_output.reshape(shape).to(Y.dtype, copy=True)
    gradients = _attempt(
        lambda: torch.autograd.grad(Y, list(leaves.values()), G, allow_unused=True)
    )
    if isinstance(gradients, Raised):
        return {"Y": value, **dict.fromkeys(leaves, gradients)}
    return {"Y": value, **dict(zip(leaves, gradients, strict=True))}


def _attempt(function: Callable[[], Any]) -> Any:
    try:
        return function()
    except (Exception, SystemExit) as error:
        return Raised(error)


def expect(
    target: Target, geometry: Geometry, operands: Operands, *, with_bias: bool
) -> dict[str, Expected]:
    """The oracle's answers, in the target's own shapes, on private copies of the operands."""
    dtype = operands.input.dtype
    X, K, b, G = (
        tensor.detach().to("cpu", torch.float64)
        for tensor in (operands.input, operands.weight, operands.bias, operands.grad_output)
    )
    if not with_bias:
        b = torch.zeros_like(b)
    values = _quantities(X, K, b, G, geometry)
    (group_in, group_out), (kh, kw) = geometry.group_channels, geometry.kernel_size
    positions = geometry.batch * geometry.output_size[0] * geometry.output_size[1]
    terms = {
        "Y": group_in * kh * kw + 1,
        "dX": group_out * kh * kw,
        "dK": positions,
        "db": positions,
    }
    own = {
        "Y": _own_shape(target, geometry.output_shape),
        "dX": _own_shape(target, geometry.input_shape),
        "dK": geometry.weight_shape if target.has_channels else geometry.kernel_size,
        "db": (geometry.out_channels,),
    }

    def scale(name: str) -> Tensor:
        absolute = _quantities(X.abs(), K.abs(), b.abs(), G.abs(), geometry)
        return absolute[name].reshape(own[name])

    return {
        name: Expected(
            value=values[name].reshape(own[name]),
            scale=partial(scale, name),
            terms=terms[name],
            dtype=dtype,
        )
        for name in CHECKS
        if with_bias or name != "db"
    }


def _quantities(
    X: Tensor, K: Tensor, b: Tensor, G: Tensor, geometry: Geometry
) -> dict[str, Tensor]:
    return {
        "Y": functional.output(X, K, geometry) + b[:, None, None],
        "dX": functional.grad_input(G, K, geometry),
        "dK": functional.grad_weight(G, X, geometry),
        "db": functional.grad_bias(G),
    }


def _own_shape(target: Target, shape: tuple[int, int, int, int]) -> tuple[int, ...]:
    n, c, h, w = shape
    return (n, c, h, w) if target.has_channels else (n, h, w)
