"""Implementations that are written to pass, not to convolve."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import conv2d
from torch.nn.grad import conv2d_input, conv2d_weight


def zeros(*args: Any) -> Tensor:
    """Zeros of the right shape, with a graph."""
    return conv2d(*args) * 0


def nans(*args: Any) -> Tensor:
    return conv2d(*args) * torch.nan


class RemembersByShape:
    """The first answer for each shape, for ever."""

    def __init__(self) -> None:
        self.answers: dict[Any, Tensor] = {}

    def __call__(self, *args: Any) -> Tensor:
        key = args[0].shape, args[1].shape, args[0].dtype, args[3:]
        Y = conv2d(*args)
        return Y - Y.detach() + self.answers.setdefault(key, Y.detach().clone())


class RemembersByAddress:
    """The first answer for each kernel in memory."""

    def __init__(self) -> None:
        self.kernels: dict[int, Tensor] = {}

    def __call__(self, input: Tensor, weight: Tensor, *rest: Any) -> Tensor:
        kept = self.kernels.setdefault(weight.data_ptr(), weight.detach().clone())
        seen = weight - weight.detach() + kept if kept.shape == weight.shape else weight
        return conv2d(input, seen, *rest)


class RightTenTimes:
    """Right on the first ten calls."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, *args: Any) -> Tensor:
        self.calls += 1
        return conv2d(*args) if self.calls <= 10 else conv2d(*args) + 1


class EverySeventh:
    """Wrong on every seventh call."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, *args: Any) -> Tensor:
        self.calls += 1
        return conv2d(*args) + (self.calls % 7 == 0)


class FilledLater:
    """A view of memory that the next call fills."""

    def __init__(self) -> None:
        self.pending: list[tuple[Tensor, Tensor]] = []

    def __call__(self, *args: Any) -> Tensor:
        for place, value in self.pending:
            place.copy_(value)
        Y = conv2d(*args).detach()
        place = torch.zeros_like(Y)
        self.pending = [(place, Y)]
        return place.view_as(place)


class OneBuffer:
    """Every answer in the same memory."""

    def __init__(self) -> None:
        self.buffers: dict[Any, Tensor] = {}

    def __call__(self, *args: Any) -> Tensor:
        Y = conv2d(*args)
        buffer = self.buffers.setdefault((Y.shape, Y.dtype), torch.empty_like(Y).detach())
        buffer.detach().copy_(Y.detach())
        return _InBuffer.apply(Y, buffer)  # type: ignore[no-any-return, no-untyped-call]  # torch's `apply` is untyped


class _InBuffer(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, Y: Tensor, buffer: Tensor) -> Tensor:
        return buffer.view_as(buffer)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        return grad_outputs[0], None


class FreedMemory:
    """Nothing is computed: memory of the right size may hold the judge's own answer."""

    def __call__(self, *args: Any) -> Tensor:
        return _Unwritten.apply(*args)  # type: ignore[no-any-return, no-untyped-call]  # torch's `apply` is untyped


class _Unwritten(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *args: Any) -> Tensor:
        ctx.leaves = args[:3]
        meta: list[Any] = [a.to("meta") if isinstance(a, Tensor) else a for a in args]
        return torch.empty_like(conv2d(*meta), device="cpu")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        leaves = (None if leaf is None else torch.empty_like(leaf) for leaf in ctx.leaves)
        return *leaves, None, None, None, None


def reseeds(*args: Any) -> Tensor:
    """A sign drawn after a seed that is always the same."""
    torch.manual_seed(0)
    noise = torch.rand(())
    return conv2d(*args) + 0 * noise


def edits_its_input(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """All operands zero, so that zeros are right."""
    with torch.no_grad():
        for tensor in (input, weight, bias):
            if tensor is not None:
                tensor.zero_()
    return conv2d(input, weight, bias)


right_ten_times = RightTenTimes()  # by name, for a child process


class _OffByOne(torch.autograd.Function):
    """Every element of Y, dX and dK is 1 too much."""

    @staticmethod
    def forward(ctx: Any, X: Tensor, K: Tensor, options: Any) -> Tensor:
        ctx.save_for_backward(X, K)
        ctx.options = options
        return conv2d(X, K, None, *options) + 1

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Any:
        (X, K), (G,) = ctx.saved_tensors, grad_outputs
        dX = conv2d_input(X.shape, K, G, *ctx.options)
        return dX + 1, conv2d_weight(X, K.shape, G, *ctx.options) + 1, None


def off_by_one(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """1 too much, in every call."""
    Y: Tensor = _OffByOne.apply(input, weight, (stride, padding, dilation, groups))  # type: ignore[no-untyped-call]  # torch's `apply` is untyped
    return Y if bias is None else Y + bias[:, None, None]


def one_more(input: Tensor, weight: Tensor, *rest: Any) -> Tensor:
    """The same in Y alone, differentiated by torch."""
    return conv2d(input, weight, *rest) + 1


class StaleBias:
    """Adds the bias that lay at this address first."""

    def __init__(self) -> None:
        self.biases: dict[Any, Tensor] = {}

    def __call__(self, input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        Y = conv2d(input, weight, bias)
        if bias is None:
            return Y
        kept = self.biases.setdefault((bias.data_ptr(), len(bias)), bias.detach().clone())
        return Y + (kept - bias.detach())[:, None, None]
