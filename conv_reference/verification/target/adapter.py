"""Implementations from other frameworks: an object with ``forward`` and ``vjp`` over numpy."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor


@runtime_checkable
class Adapter(Protocol):
    """A convolution of another framework, over numpy arrays.

    ``options`` are stride, padding and dilation (pairs) and groups, by their names.
    """

    def forward(self, input: Any, weight: Any, bias: Any, **options: Any) -> Any:
        """Y, (N, O, H', W'), of X (N, C, H, W), K (O, C/groups, kh, kw) and b (O,) or None."""

    def vjp(self, grad_output: Any, input: Any, weight: Any, bias: Any, **options: Any) -> Any:
        """dX, dK and db (None without a bias), of G (N, O, H', W')."""


def is_adapter(implementation: Any) -> bool:
    """Whether this is an adapter, and neither a class nor anything of torch's."""
    if inspect.isclass(implementation) or isinstance(implementation, torch.nn.Module):
        return False
    return isinstance(implementation, Adapter)


def lacking(implementation: Any) -> str:
    """Which of an adapter's two functions an object lacks that has the other; else empty."""
    if inspect.isclass(implementation):
        return ""
    absent = [name for name in ("forward", "vjp") if not hasattr(implementation, name)]
    return absent[0] if len(absent) == 1 else ""


def function_of(adapter: Adapter) -> Callable[..., Any]:
    """The adapter as a function of torch tensors, differentiable once."""

    class Adapted(torch.autograd.Function):
        backward_is = "vjp"  # what a report calls it

        @staticmethod
        def forward(
            ctx: Any, input: Tensor, weight: Tensor, bias: Tensor | None, options: dict[str, Any]
        ) -> Any:
            ctx.arrays = tuple(_array(tensor) for tensor in (input, weight, bias))
            ctx.options, ctx.device = options, input.device
            return _tensor(adapter.forward(*ctx.arrays, **options), input.device)

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx: Any, grad_output: Tensor) -> Any:
            with torch.enable_grad():  # off in a backward pass; a vjp may use autograd itself
                gradients = adapter.vjp(_array(grad_output), *ctx.arrays, **ctx.options)
            return *(_tensor(gradient, ctx.device) for gradient in gradients), None

    def conv2d(
        input: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> Any:
        options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
        return Adapted.apply(input, weight, bias, options)  # type: ignore[no-untyped-call]  # torch's `apply` is untyped

    return conv2d


def _array(tensor: Tensor | None) -> Any:
    if tensor is None:
        return None
    if tensor.dtype == torch.bfloat16:
        raise NotImplementedError("numpy has no bfloat16")
    return np.array(tensor.detach().cpu().numpy())


def _tensor(array: Any, device: torch.device) -> Tensor | None:
    return None if array is None else torch.from_numpy(np.ascontiguousarray(array)).to(device)
