"""Convolutions that are right, but for what they do to memory and to the process."""

from __future__ import annotations

import os
import random
import threading
import time
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d
from torch.nn.grad import conv2d_input, conv2d_weight


class _Convolution(torch.autograd.Function):
    """torch's, with gradients of its own: what is broken below is broken in a subclass."""

    @staticmethod
    def forward(ctx: Any, input: Tensor, weight: Tensor, stride: Any, padding: Any) -> Tensor:
        ctx.save_for_backward(input, weight)
        ctx.options = stride, padding
        return conv2d(input, weight, None, stride, padding)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        input, weight = ctx.saved_tensors
        return *_gradients(input, weight, grad_outputs[0], ctx.options), None, None


def _gradients(input: Tensor, weight: Tensor, G: Tensor, options: Any) -> tuple[Tensor, Tensor]:
    dX = conv2d_input(input.shape, weight, G, *options)
    dK = conv2d_weight(input, weight.shape, G, *options)
    return dX, dK


class Unsaved(_Convolution):
    """Keeps its arguments beside the graph, where no change of them is noticed."""

    @staticmethod
    def forward(ctx: Any, input: Tensor, weight: Tensor, stride: Any, padding: Any) -> Tensor:
        ctx.arguments = input, weight
        ctx.options = stride, padding
        return conv2d(input, weight, None, stride, padding)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        input, weight = ctx.arguments
        return *_gradients(input, weight, grad_outputs[0], ctx.options), None, None


class Copied(Unsaved):
    """Keeps copies: the old values, which is right."""

    @staticmethod
    def forward(ctx: Any, input: Tensor, weight: Tensor, stride: Any, padding: Any) -> Tensor:
        ctx.arguments = input.clone(), weight.clone()
        ctx.options = stride, padding
        return conv2d(input, weight, None, stride, padding)


class Accumulates(_Convolution):
    """Adds its gradients to a buffer that lives as long as the graph."""

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        input, weight = ctx.saved_tensors
        dX, dK = _gradients(input, weight, grad_outputs[0], ctx.options)
        ctx.buffer = dK + getattr(ctx, "buffer", 0)
        return dX, ctx.buffer, None, None


def scales_and_restores(input: Tensor, weight: Tensor) -> Tensor:
    """Works in its argument's memory, and leaves the values as they were."""
    with torch.no_grad():
        weight.mul_(2).div_(2)
    return conv2d(input, weight)


def identity_for_ones(input: Tensor, weight: Tensor) -> Tensor:
    """A 1×1 kernel of 1 need not be applied, and so X itself is handed back."""
    if weight.shape == (1, 1, 1, 1) and bool(weight == 1):
        return input.view_as(input)
    return conv2d(input, weight)


_HELD: list[Tensor] = []


def holds_its_input(input: Tensor, weight: Tensor) -> Tensor:
    """For a statistic, say."""
    _HELD[:] = [input.detach()]
    return conv2d(input, weight)


class PackedOnce(nn.Conv2d):
    """Rearranges its kernel on the first call."""

    packed: Tensor | None = None

    def forward(self, input: Tensor) -> Tensor:
        if self.packed is None:
            self.packed = self.weight.detach().clone()
        weight = self.weight - self.weight.detach() + self.packed
        Y: Tensor = self._conv_forward(input, weight, self.bias)
        return Y


class PackedByVersion(PackedOnce):
    """Rearranges its kernel again whenever the version counter moved."""

    version = -1

    def forward(self, input: Tensor) -> Tensor:
        if self.version != self.weight._version:
            self.version, self.packed = self.weight._version, None
        return super().forward(input)


_SCRATCH: dict[Any, Tensor] = {}


def static_scratch(input: Tensor, weight: Tensor) -> Tensor:
    """Copies its input to a place that all threads share."""
    key = input.shape, input.dtype
    scratch = _SCRATCH.setdefault(key, torch.empty_like(input))
    with torch.no_grad():
        scratch.copy_(input)
        time.sleep(1e-2)  # the other thread comes in between, on a busy machine, too
        Y = conv2d(scratch, weight)
    return Y + 0 * conv2d(input, weight)


def draws(input: Tensor, weight: Tensor) -> Tensor:
    """Which is harmless."""
    random.random()
    return conv2d(input, weight)


def reseeds_python(input: Tensor, weight: Tensor) -> Tensor:
    random.seed(0)
    return conv2d(input, weight)


def default_dtype(input: Tensor, weight: Tensor) -> Tensor:
    torch.set_default_dtype(torch.float64)
    return conv2d(input, weight)


def without_gradients(input: Tensor, weight: Tensor) -> Tensor:
    Y = conv2d(input, weight)
    torch.set_grad_enabled(False)
    return Y


class Unwritten(_Convolution):
    """Writes only the pixels that an output reads; the rest is what was there before."""

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        input, weight = ctx.saved_tensors
        empty = torch.empty_like(input)
        dX, dK = _gradients(input, weight, grad_outputs[0], ctx.options)
        ones = torch.ones_like(weight), torch.ones_like(grad_outputs[0])
        read = conv2d_input(input.shape, *ones, *ctx.options) != 0
        empty[read] = dX[read]
        return empty, dK, None, None


_LOCK = threading.Lock()


def locked(input: Tensor, weight: Tensor) -> Tensor:
    """One thread at a time, which is right."""
    with _LOCK:
        return conv2d(input, weight)


class _SharedKernelGradient(torch.autograd.Function):
    """dX and Y are each call's own, dK lies where all threads write it."""

    buffers: ClassVar[dict[Any, Tensor]] = {}

    @staticmethod
    def forward(ctx: Any, X: Tensor, K: Tensor) -> Tensor:
        ctx.save_for_backward(X, K)
        return conv2d(X, K)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        X, K = ctx.saved_tensors
        dK = conv2d_weight(X, K.shape, gradients[0])
        buffer = _SharedKernelGradient.buffers.setdefault((K.shape, K.dtype), torch.empty_like(dK))
        buffer.copy_(dK)
        time.sleep(1e-2)  # the other thread comes in between, on a busy machine, too
        return conv2d_input(X.shape, K, gradients[0]), buffer.clone()


def static_kernel_gradient(input: Tensor, weight: Tensor) -> Tensor:
    Y: Tensor = _SharedKernelGradient.apply(input, weight)  # type: ignore[no-untyped-call]
    return Y


_OUTPUTS: dict[Any, Tensor] = {}


def static_output_without_gradients(input: Tensor, weight: Tensor) -> Tensor:
    """One output buffer for each shape, where no graph is made."""
    Y = conv2d(input, weight)
    if Y.requires_grad:
        return Y
    return _OUTPUTS.setdefault((Y.shape, Y.dtype), torch.empty_like(Y)).copy_(Y)


def identity_hands_on(input: Tensor, weight: Tensor) -> Tensor:
    """Nothing to compute: X itself."""
    return input if weight.shape == (1, 1, 1, 1) and weight.item() == 1 else conv2d(input, weight)


def deterministic_ever_after(input: Tensor, weight: Tensor) -> Tensor:
    torch.use_deterministic_algorithms(True)
    torch.set_float32_matmul_precision("high")
    torch.autograd.set_detect_anomaly(True)
    torch.set_autocast_enabled("cpu", False)
    return conv2d(input, weight)


def rearranges_the_process(*args: Any) -> Tensor:
    """Subnormals are flushed, oneDNN is turned off, and the working directory is the root."""
    torch.set_flush_denormal(True)
    torch._C._set_mkldnn_enabled(False)
    os.chdir("/")
    return conv2d(*args)


def default_device(*args: Any) -> Tensor:
    """Whatever is made after it has no data."""
    Y = conv2d(*args)
    torch.set_default_device("meta")
    return Y
