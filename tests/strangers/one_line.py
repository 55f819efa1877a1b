"""One wrong line each: it raises on some sizes, and elsewhere makes wrong shapes or numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.grad import conv2d_input, conv2d_weight

Pair = tuple[int, int]


class KernelOnItsSide:
    """A layer over arrays: its kernel is transposed, which fits where that is square."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: Pair, stride: int = 1):
        self.stride = stride
        self.W = np.zeros((out_channels, in_channels, *kernel_size))
        self.b = np.zeros(out_channels)

    def forward(self, x: Any) -> Any:
        self.x = x
        windows = self._windows(x)
        sides = self.W.transpose(0, 1, 3, 2)  # a fault
        return np.tensordot(windows, sides, ((1, 4, 5), (1, 2, 3))).transpose(
            0, 3, 1, 2
        ) + self.b.reshape(1, -1, 1, 1)

    def backward(self, dout: Any) -> Any:
        windows = self._windows(self.x)
        self.dW = np.einsum("nohw,nchwij->ocij", dout, windows)
        self.db = dout.sum(axis=(0, 2, 3))
        (kh, kw), s = self.W.shape[2:], self.stride
        dx = np.zeros_like(self.x)
        for i in range(dout.shape[2]):
            for j in range(dout.shape[3]):
                here = dx[:, :, i * s : i * s + kh, j * s : j * s + kw]
                here += np.einsum("no,ocij->ncij", dout[:, :, i, j], self.W)
        return dx

    def _windows(self, x: Any) -> Any:
        every = np.lib.stride_tricks.sliding_window_view(x, self.W.shape[2:], axis=(2, 3))
        return every[:, :, :: self.stride, :: self.stride]


class _CutAlike(torch.autograd.Function):
    """Of the padding's columns as many are cut off its dX as of the rows."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor, stride: Pair, padding: Pair) -> Tensor:
        ctx.save_for_backward(x, w)
        ctx.options = stride, padding
        return F.conv2d(x, w, None, stride, padding)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        (x, w), (stride, padding), (grad,) = ctx.saved_tensors, ctx.options, grads
        ph, pw = padding
        h, width = x.shape[2:]
        padded = conv2d_input((*x.shape[:2], h + 2 * ph, width + 2 * pw), w, grad, stride)
        dx = padded[:, :, ph : ph + h, ph : ph + width]  # a fault
        return dx, conv2d_weight(x, w.shape, grad, stride, padding), None, None


def cut_alike(x: Tensor, w: Tensor, stride: Pair = (1, 1), padding: Pair = (0, 0)) -> Any:
    return _CutAlike.apply(x, w, stride, padding)  # type: ignore[no-untyped-call]  # torch's `apply` is untyped


class _BiasByRows(torch.autograd.Function):
    """Its db is summed over the channels and not over the columns."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor, b: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, w)
        ctx.biased = b is not None
        return F.conv2d(x, w, b)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        (x, w), (grad,) = ctx.saved_tensors, grads
        db = grad.sum((0, 1, 2)) if ctx.biased else None  # a fault
        return conv2d_input(x.shape, w, grad), conv2d_weight(x, w.shape, grad), db


def bias_by_rows(x: Tensor, w: Tensor, b: Tensor | None = None) -> Any:
    return _BiasByRows.apply(x, w, b)  # type: ignore[no-untyped-call]  # torch's `apply` is untyped


class _StrideAndGroups(torch.autograd.Function):
    """Two faults: strides make its dX wrong, and its dK raises where there are groups."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor, stride: Pair, groups: int) -> Tensor:
        ctx.save_for_backward(x, w)
        ctx.options = stride, groups
        return F.conv2d(x, w, None, stride, 0, 1, groups)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        (x, w), (stride, groups), (grad,) = ctx.saved_tensors, ctx.options, grads
        dx = conv2d_input(x.shape, w, grad, stride, 0, 1, groups)
        if max(stride) > 1:
            dx = dx.roll(1, -1)
        return dx, kernel_gradient(x, w, grad, stride), None, None


def kernel_gradient(x: Tensor, w: Tensor, grad: Tensor, stride: Pair) -> Tensor:
    gradient: Tensor = conv2d_weight(x, w.shape, grad, stride)  # a fault: in one group
    return gradient


def stride_and_groups(x: Tensor, w: Tensor, stride: Pair = (1, 1), groups: int = 1) -> Any:
    return _StrideAndGroups.apply(x, w, stride, groups)  # type: ignore[no-untyped-call]  # torch's `apply` is untyped
