"""Convolutions over numpy arrays, called from torch: their arrays are the tensors' own memory.

So what an array's strides or a write into it show, shows here as well. What torch alone can do
(masks of gradients, a second derivative, vmap) is the adapter's and not theirs, and not asked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from conv_reference.verification.target.strangers import Bound


@dataclass(frozen=True)
class Passed:
    """One forward pass over arrays."""

    Y: Any
    backward: Callable[[Any], Sequence[Any]] | None  # G → dX, dK and, with a bias, db


Pass = Callable[[Any, Any, Any], Passed]  # X, K and b, or None, as arrays


class Lifted(torch.autograd.Function):
    """A pass over arrays as one over tensors, differentiable once."""

    backward_is = "backward"  # what a report calls it

    @staticmethod
    def forward(ctx: Any, X: Tensor, K: Tensor, b: Tensor | None, run: Pass) -> Any:
        """Y, and what its backward pass needs."""
        ctx.passed = run(array(X), array(K), None if b is None else array(b))
        ctx.like = X, K, b
        return tensor(ctx.passed.Y)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, G: Tensor) -> Any:
        """Whatever the target says of the three, in whatever shape."""
        if ctx.passed.backward is None:
            raise NotImplementedError("no cache came with Y that its backward pass could take")
        found = [tensor(gradient) for gradient in ctx.passed.backward(array(G))]
        return *found, *[None] * (4 - len(found))


def lifted(run: Pass, *, has_backward: bool) -> Bound:
    """A function of tensors; Y hangs together with them only where there is a backward pass.

    Args:
        run: over arrays.
        has_backward: whether it hands one back.
    """

    def call(X: Tensor, K: Tensor, b: Tensor | None) -> Any:
        if has_backward:
            return Lifted.apply(X, K, b, run)  # type: ignore[no-untyped-call]  # torch's `apply` is untyped
        return tensor(run(array(X), array(K), None if b is None else array(b)).Y)

    return call


def array(value: Tensor) -> Any:
    """The tensor's memory as an array.

    Raises:
        NotImplementedError: for what numpy does not have.
    """
    if value.dtype == torch.bfloat16:
        raise NotImplementedError("numpy has no bfloat16")
    return value.detach().cpu().numpy()


def tensor(value: Any) -> Any:
    """An array's memory as a tensor; what is no array stays what it is."""
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiub":
        return value
    if any(stride < 0 for stride in value.strides) or not value.flags.writeable:
        value = value.copy()  # what torch cannot hold
    return torch.from_numpy(value)
