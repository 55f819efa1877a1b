"""A layer that is told its input's shape and its optimizer before it has a kernel."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

Array = Any


class Layer:
    """What the layers of a small library have in common."""

    input_shape: Any = None

    def set_input_shape(self, shape: tuple[int, ...]) -> None:
        self.input_shape = shape


class Conv2D(Layer):
    """Its step is its optimizer's, which is handed the gradients."""

    def __init__(
        self,
        n_filters: int,
        filter_shape: tuple[int, int],
        input_shape: Any = None,
        padding: str = "same",
        stride: int = 1,
    ) -> None:
        self.n_filters, self.filter_shape, self.stride = n_filters, filter_shape, stride
        self.input_shape, self.padding = input_shape, padding

    def initialize(self, optimizer: Any) -> None:
        channels = self.input_shape[0]
        self.W = np.random.uniform(-1, 1, (self.n_filters, channels, *self.filter_shape))
        self.w0 = np.zeros((self.n_filters, 1))
        self.W_opt, self.w0_opt = copy.copy(optimizer), copy.copy(optimizer)

    def _sides(self, axis: int) -> tuple[int, int]:
        if self.padding == "valid":
            return 0, 0
        size, k = self.layer_input.shape[2 + axis], self.filter_shape[axis]
        total = max((-(-size // self.stride) - 1) * self.stride + k - size, 0)
        return total // 2, total - total // 2

    def forward_pass(self, X: Array, training: bool = True) -> Array:
        self.layer_input = X
        self.pads = (0, 0), (0, 0), self._sides(0), self._sides(1)
        windows = sliding_window_view(np.pad(X, self.pads), self.filter_shape, (2, 3))
        windows = windows[:, :, :: self.stride, :: self.stride]
        if training:
            self.windows = windows
        Y = np.einsum("nchwij,ocij->nohw", windows, self.W)
        return Y + self.w0[:, :, None]

    def backward_pass(self, accum_grad: Array) -> Array:
        W = self.W
        grad_w = np.einsum("nohw,nchwij->ocij", accum_grad, self.windows)
        grad_w0 = accum_grad.sum(axis=(0, 2, 3))[:, None]
        self.W = self.W_opt.update(self.W, grad_w)
        self.w0 = self.w0_opt.update(self.w0, grad_w0)
        return self._input_gradient(accum_grad, W)

    def _input_gradient(self, accum_grad: Array, W: Array) -> Array:
        shape = self.layer_input.shape
        padded = np.zeros([s + sum(pair) for s, pair in zip(shape, self.pads, strict=True)])
        rows, columns = accum_grad.shape[2:]
        for i, j in np.ndindex(*self.filter_shape):
            part = np.einsum("nohw,oc->nchw", accum_grad, W[:, :, i, j])
            s = self.stride
            padded[:, :, i : i + s * rows : s, j : j + s * columns : s] += part
        top, left = (pair[0] for pair in self.pads[2:])
        return padded[:, :, top : top + shape[2], left : left + shape[3]]


class AfterItsStep(Conv2D):
    """One tap of the input's gradient is by the kernel as it is turned."""

    def _input_gradient(self, accum_grad: Array, W: Array) -> Array:
        return super()._input_gradient(accum_grad, W[:, :, ::-1])
