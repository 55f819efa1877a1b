"""Layers over numpy arrays, each in another manner: there is no torch in this file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

Array = Any


class ColumnLists:
    """A list of columns for each sample, one list comprehension after another."""

    def __init__(self, c_in: int, c_out: int, kernel_size: int, stride: int = 1) -> None:
        self.k, self.s = kernel_size, stride
        self.kernel = np.random.uniform(-1, 1, (c_out, c_in, kernel_size, kernel_size))
        self.bias = np.zeros(c_out)

    def _corners(self, shape: tuple[int, ...]) -> list[tuple[int, int]]:
        rows = range(0, shape[1] - self.k + 1, self.s)
        return [(i, j) for i in rows for j in range(0, shape[2] - self.k + 1, self.s)]

    def _columns(self, image: Array) -> Array:
        k, corners = self.k, self._corners(image.shape)
        return np.array([image[:, i : i + k, j : j + k].ravel() for i, j in corners])

    def forward(self, batch: Array) -> Array:
        self.shape = batch.shape
        self.columns = [self._columns(image) for image in batch]
        matrix = self.kernel.reshape(len(self.kernel), -1)
        rows = (batch.shape[2] - self.k) // self.s + 1
        flat = [matrix @ columns.T + self.bias[:, None] for columns in self.columns]
        return np.array([each.reshape(len(matrix), rows, -1) for each in flat])

    def backward(self, upstream: Array) -> Array:
        flat = [each.reshape(len(self.kernel), -1) for each in upstream]
        pairs = list(zip(flat, self.columns, strict=True))
        self.kernel_grad = sum(g @ columns for g, columns in pairs).reshape(self.kernel.shape)
        self.bias_grad = sum(g.sum(axis=1) for g in flat)
        matrix = self.kernel.reshape(len(self.kernel), -1)
        return np.array([self._image(g.T @ matrix) for g in flat])

    def _image(self, columns: Array) -> Array:
        image = np.zeros(self.shape[1:])
        for (i, j), column in zip(self._corners(image.shape), columns, strict=True):
            window = image[:, i : i + self.k, j : j + self.k]
            window += column.reshape(window.shape)
        return image


class LastWindowAlone(ColumnLists):
    """Its columns go back to the image by ``=``: of windows that overlap the last one counts."""

    def _image(self, columns: Array) -> Array:
        image = np.zeros(self.shape[1:])
        for (i, j), column in zip(self._corners(image.shape), columns, strict=True):
            image[:, i : i + self.k, j : j + self.k] = column.reshape(-1, self.k, self.k)
        return image


class Conv2D:
    """One image, channels last; it is only called."""

    def __init__(self, num_filters: int, kernel_size: int, input_channels: int) -> None:
        self.filters = np.random.randn(kernel_size, kernel_size, input_channels, num_filters)
        self.biases = np.zeros(num_filters)

    def __call__(self, inputs: Array) -> Array:
        k = len(self.filters)
        rows, columns = inputs.shape[0] - k + 1, inputs.shape[1] - k + 1
        out = np.empty((rows, columns, self.filters.shape[-1]))
        for i, j in np.ndindex(rows, columns):
            window = inputs[i : i + k, j : j + k, :, None]
            out[i, j] = (window * self.filters).sum((0, 1, 2)) + self.biases
        return out


@dataclass
class DataLayer:
    """A dataclass of its arrays; gradients are fields without a place in the constructor."""

    weight: Array
    bias: Array
    stride: int = 1
    padding: int = 0
    grad_weight: Array = field(init=False, default=None)
    grad_bias: Array = field(init=False, default=None)

    def forward(self, x: Array) -> Array:
        p, s = self.padding, self.stride
        self._shape = x.shape
        padded = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, self.weight.shape[2:], (2, 3))
        self._windows = windows[:, :, ::s, ::s]
        return np.einsum("nchwij,ocij->nohw", self._windows, self.weight) + self.bias[:, None, None]

    def backward(self, dy: Array) -> Array:
        self.grad_bias = dy.sum((0, 2, 3))
        self.grad_weight = np.einsum("nohw,nchwij->ocij", dy, self._windows)
        (n, c, height, width), p, s = self._shape, self.padding, self.stride
        padded = np.zeros((n, c, height + 2 * p, width + 2 * p))
        for i, j in np.ndindex(*self.weight.shape[2:]):
            rows, columns = slice(i, i + s * dy.shape[2], s), slice(j, j + s * dy.shape[3], s)
            padded[:, :, rows, columns] += np.einsum("nohw,oc->nchw", dy, self.weight[:, :, i, j])
        return padded[:, :, p : p + height, p : p + width]


class InPlace:
    """Its backward pass steps in place, by the mean over the samples, and hands back dX alone."""

    def __init__(self, name: str, in_channels: int, out_channels: int, kernel_size: int) -> None:
        self.name = name
        self.W = np.random.randn(out_channels, in_channels, kernel_size, kernel_size)
        self.b = np.zeros(out_channels)

    def forward(self, x: Array) -> Array:
        size = self.W.shape[2:]
        self.windows = np.lib.stride_tricks.sliding_window_view(x, size, (2, 3))
        return np.tensordot(self.windows, self.W, ([1, 4, 5], [1, 2, 3])).transpose(
            0, 3, 1, 2
        ) + self.b.reshape(1, -1, 1, 1)

    def backward(self, dout: Array, lr: float = 0.01) -> Array:
        k, n = self.W.shape[2], len(dout)
        padded = np.pad(dout, ((0, 0), (0, 0), (k - 1, k - 1), (k - 1, k - 1)))
        full = np.lib.stride_tricks.sliding_window_view(padded, (k, k), (2, 3))
        dx = np.einsum("nohwij,ocij->nchw", full, self.W[:, :, ::-1, ::-1])
        self.W -= lr * np.einsum("nohw,nchwij->ocij", dout, self.windows) / n
        self.b -= lr * dout.sum((0, 2, 3)) / n
        return dx


class LabelsBeside:
    """Its backward pass takes the labels of its batch as well, and has no use for them."""

    def __init__(self, in_channels: int, out_channels: int, param_size: int, *args: object) -> None:
        self.W = np.random.randn(out_channels, in_channels, param_size, param_size)
        self.b = np.zeros(out_channels)

    def forward(self, x: Array) -> Array:
        self.windows = np.lib.stride_tricks.sliding_window_view(x, self.W.shape[2:], (2, 3))
        Y = np.einsum("nchwij,ocij->nohw", self.windows, self.W)
        return Y + self.b.reshape(1, -1, 1, 1)

    def _gradients(self, dout: Array) -> tuple[Array, Array, Array]:
        k = self.W.shape[2]
        padded = np.pad(dout, ((0, 0), (0, 0), (k - 1, k - 1), (k - 1, k - 1)))
        full = np.lib.stride_tricks.sliding_window_view(padded, (k, k), (2, 3))
        dx = np.einsum("nohwij,ocij->nchw", full, self.W[:, :, ::-1, ::-1])
        dw = np.einsum("nohw,nchwij->ocij", dout, self.windows)
        return dx, dw, dout.sum((0, 2, 3))

    def backward(self, dout: Array, y: Array) -> Array:
        dx, self.dW, self.db = self._gradients(dout)
        return dx


class LabelsNeeded(LabelsBeside):
    """It looks at them first."""

    def backward(self, dout: Array, y: Array) -> Array:
        assert len(y) == len(dout)
        return super().backward(dout, y)


class OwnOptimizer(LabelsBeside):
    """Its gradients go into a step of its own, and nowhere else."""

    def backward(self, dout: Array, y: Array = None) -> Array:
        dx, dw, db = self._gradients(dout)
        self.W -= 0.1 * dw
        self.b -= 0.1 * db
        return dx


class OwnRate(LabelsBeside):
    """It steps as far as its constructor was told."""

    def __init__(
        self, in_channels: int, out_channels: int, param_size: int, lr: float = 0.01
    ) -> None:
        super().__init__(in_channels, out_channels, param_size)
        self.lr = lr

    def backward(self, dout: Array, y: Array = None) -> Array:
        dx, dw, db = self._gradients(dout)
        self.W -= self.lr * dw
        self.b -= self.lr * db
        return dx


class KernelsStepThrice(OwnRate):
    """The step of its kernel is three times too far."""

    def _gradients(self, dout: Array) -> tuple[Array, Array, Array]:
        dx, dw, db = super()._gradients(dout)
        return dx, 3 * dw, db


class OwnMomentum(OwnRate):
    """Its step is none along the gradient."""

    def __init__(self, in_channels: int, out_channels: int, param_size: int) -> None:
        super().__init__(in_channels, out_channels, param_size)
        self.momentum, self.velocity = 0.9, np.ones_like(self.W)

    def _gradients(self, dout: Array) -> tuple[Array, Array, Array]:
        dx, dw, db = super()._gradients(dout)
        self.velocity = self.momentum * self.velocity + dw
        return dx, self.velocity, db


class DXTwice(OwnOptimizer):
    """The gradient that it does hand is twice what it should be."""

    def backward(self, dout: Array, y: Array = None) -> Array:
        return 2 * super().backward(dout)


class SameByWord:
    """``padding="same"`` with half the kernel on each side: even kernels add a row and a column."""

    def __init__(self, filters: int, kernel_size: int, padding: str = "valid") -> None:
        self.filters, self.kernel_size, self.padding = filters, kernel_size, padding

    def build(self, input_shape: tuple[int, ...]) -> None:
        size = (self.kernel_size, self.kernel_size, input_shape[-1], self.filters)
        self.kernel, self.bias = np.random.randn(*size), np.zeros(self.filters)

    def forward(self, inputs: Array) -> Array:
        p = self.kernel_size // 2 if self.padding == "same" else 0
        padded = np.pad(inputs, ((0, 0), (p, p), (p, p), (0, 0)))
        k = (self.kernel_size,) * 2
        self.windows = np.lib.stride_tricks.sliding_window_view(padded, k, (1, 2))
        self.shape, self.p = inputs.shape, p
        return np.einsum("nhwcij,ijco->nhwo", self.windows, self.kernel) + self.bias

    def backward(self, grads: Array) -> Array:
        k, (_, height, width, _) = self.kernel_size, self.shape
        self.grad_kernel = np.einsum("nhwo,nhwcij->ijco", grads, self.windows)
        self.grad_bias = grads.sum((0, 1, 2))
        full = np.pad(grads, ((0, 0), (k - 1, k - 1), (k - 1, k - 1), (0, 0)))
        windows = np.lib.stride_tricks.sliding_window_view(full, (k, k), (1, 2))
        dx = np.einsum("nhwoij,ijco->nhwc", windows, self.kernel[::-1, ::-1])
        return dx[:, self.p : self.p + height, self.p : self.p + width]


def nested(image: Array, kernel: Array) -> list[list[float]]:
    """Without a library: lists of lists."""
    rows, columns = len(kernel), len(kernel[0])
    return [
        [
            sum(image[i + a][j + b] * kernel[a][b] for a in range(rows) for b in range(columns))
            for j in range(len(image[0]) - columns + 1)
        ]
        for i in range(len(image) - rows + 1)
    ]
