"""The side that answers: it calls the target and hands back what lies in memory.

Nothing here judges, and nothing is imported that does: no judge, no check. So nothing that a
target leaves behind in its process, a mode, an operator that it overrides, a name that it sets,
can make a wrong answer look right.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from conv_reference.operands import Operands
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.printable import MOST_SHOWN
from conv_reference.verification.target.target import Call, Target
from conv_reference.verification.trial.values import arrange

RAISED = "raised"
_PLAIN = frozenset({Tensor, torch.nn.Parameter})
# Bound before a target could replace them.
_grad, _without_modes = torch.autograd.grad, torch._C.DisableTorchFunction  # noqa: SLF001 (modes have no other switch)


@dataclass(frozen=True)
class Asked:
    """One call: a case, and the numbers of its operands, contiguous."""

    case: str  # its text form
    operands: Mapping[str, tuple[tuple[int, ...], bytes]]  # shape and bytes, by role


def answered(target: Target, asked: Asked, device: str) -> dict[str, Any]:
    """Y and each gradient by its name, as ``held`` returns it; what it raised under ``RAISED``.

    Args:
        target: that is called.
        asked: what it is called with.
        device: where.
    """
    case = Case.parse(asked.case)
    tensors = {
        role: torch.frombuffer(bytearray(data), dtype=case.dtype).reshape(shape)
        if data
        else torch.empty(shape, dtype=case.dtype)
        for role, (shape, data) in asked.operands.items()
    }
    found: dict[str, Any] = {}
    try:
        call = target.prepare(case, arrange(Operands(**tensors), case, torch.device(device)))
        _observe(call, found)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # whatever a target throws
        found[RAISED] = type(error).__name__
        try:
            found[RAISED] += f": {error}"[:MOST_SHOWN]
        except BaseException:  # whatever its own text throws
            return found
    return found


class _Handed(torch.autograd.Function):
    """An end of the graph whose backward pass hands on G itself, as it lies in memory.

    For an upstream gradient that is given to ``torch.autograd.grad`` torch imports sympy first.
    """

    @staticmethod
    def forward(ctx: Any, Y: Tensor, G: Tensor) -> Tensor:
        ctx.G = G
        return Y.new_zeros(())

    @staticmethod
    def backward(ctx: Any, *_: Tensor) -> tuple[Tensor, None]:
        return ctx.G, None


def _observe(call: Call, found: dict[str, Any]) -> None:
    Y, leaves = call.forward(), call.leaves
    found["Y"] = held(Y)
    if isinstance(Y, Tensor) and Y.shape == call.G.shape and leaves and Y.requires_grad:
        end = _Handed.apply(Y, call.G.to(Y.dtype))  # type: ignore[no-untyped-call]  # torch's
        gradients = _grad(end, list(leaves.values()), allow_unused=True)
        found |= {name: held(g) for name, g in zip(leaves, gradients, strict=True)}


def held(value: Any) -> Any:
    """What a tensor holds: shape, dtype and bytes, read from its memory and not by its methods.

    Of what is no plain tensor, its kind, as text.
    """
    kind = type(value)
    if kind not in _PLAIN:
        return "no gradient" if value is None else kind.__name__
    with _without_modes():
        if value.layout != torch.strided:
            return f"a tensor of layout {value.layout}"
        here = value if value.is_cpu else value.cpu()
        shape, strides, width = tuple(here.shape), here.stride(), here.element_size()
        dtype = str(value.dtype).removeprefix("torch.")
        return shape, dtype, _bytes(here.data_ptr(), shape, strides, width)


def _bytes(address: int, shape: tuple[int, ...], strides: tuple[int, ...], width: int) -> bytes:
    if not math.prod(shape):
        return b""
    extent = 1 + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
    memory = (ctypes.c_char * (extent * width)).from_address(address)
    flat = np.frombuffer(memoryview(memory).cast("B"), dtype=np.dtype(f"V{width}"))
    steps = [stride * width for stride in strides]
    return np.lib.stride_tricks.as_strided(flat, shape, steps).tobytes()
