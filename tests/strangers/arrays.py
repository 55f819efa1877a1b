"""Numpy layers and functions in the manner of courses: there is no torch in this file."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

Array = Any


def conv_forward(x: Array, w: Array, b: Array, conv_param: dict[str, int]) -> tuple[Array, Any]:
    """A course on recognition: loops, a dictionary of options, a cache."""
    stride, pad = conv_param["stride"], conv_param["pad"]
    n, _, h, width = x.shape
    o, _, kh, kw = w.shape
    oh, ow = 1 + (h + 2 * pad - kh) // stride, 1 + (width + 2 * pad - kw) // stride
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    out = np.zeros((n, o, oh, ow))
    for i in range(oh):
        for j in range(ow):
            window = padded[:, :, i * stride : i * stride + kh, j * stride : j * stride + kw]
            out[:, :, i, j] = np.tensordot(window, w, ([1, 2, 3], [1, 2, 3])) + b
    return out, (x, w, b, conv_param)


def conv_backward(dout: Array, cache: Any) -> tuple[Array, Array, Array]:
    """Its backward pass."""
    x, w, b, conv_param = cache
    stride, pad = conv_param["stride"], conv_param["pad"]
    _, _, kh, kw = w.shape
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    dpadded, dw = np.zeros_like(padded), np.zeros_like(w)
    for i in range(dout.shape[2]):
        for j in range(dout.shape[3]):
            rows, columns = slice(i * stride, i * stride + kh), slice(j * stride, j * stride + kw)
            here = dout[:, :, i, j]
            dw += np.tensordot(here, padded[:, :, rows, columns], ([0], [0]))
            dpadded[:, :, rows, columns] += np.tensordot(here, w, ([1], [0]))
    inner = slice(pad, -pad or None)
    return dpadded[:, :, inner, inner], dw, dout.sum((0, 2, 3)).reshape(b.shape)


def forward_nhwc(A_prev: Array, W: Array, b: Array, hparameters: dict[str, int]) -> Any:
    """Another course: channels last, a bias of four dimensions."""
    stride, pad = hparameters["stride"], hparameters["pad"]
    A = np.pad(A_prev, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    f, g = W.shape[:2]
    height, width = (A.shape[1] - f) // stride + 1, (A.shape[2] - g) // stride + 1
    Z = np.zeros((len(A), height, width, W.shape[3]))
    for i in range(height):
        for j in range(width):
            window = A[:, i * stride : i * stride + f, j * stride : j * stride + g]
            for c in range(W.shape[3]):
                Z[:, i, j, c] = (window * W[..., c]).sum((1, 2, 3)) + float(b[0, 0, 0, c])
    return Z, (A_prev, W, b, hparameters)


class Conv2d:
    """A course on deep learning: arrays and their gradients are attributes."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, stride: int = 1):
        self.stride, self.kernel_size = stride, kernel_size
        shape = (out_channels, in_channels, kernel_size, kernel_size)
        self.W, self.b = np.random.normal(size=shape), np.zeros(out_channels)
        self.dLdW, self.dLdb = np.zeros(shape), np.zeros(out_channels)

    def forward(self, A: Array) -> Array:
        self.A = A
        windows = np.lib.stride_tricks.sliding_window_view(A, (self.kernel_size,) * 2, (2, 3))
        self.windows = windows[:, :, :: self.stride, :: self.stride]
        return np.einsum("nchwij,ocij->nohw", self.windows, self.W) + self.b[:, None, None]

    def backward(self, dLdZ: Array) -> Array:
        self.dLdb = dLdZ.sum((0, 2, 3))
        self.dLdW = np.einsum("nohw,nchwij->ocij", dLdZ, self.windows)
        dLdA = np.zeros_like(self.A)
        k, s = self.kernel_size, self.stride
        for i in range(dLdZ.shape[2]):
            for j in range(dLdZ.shape[3]):
                spread = np.tensordot(dLdZ[:, :, i, j], self.W, ([1], [0]))
                dLdA[:, :, i * s : i * s + k, j * s : j * s + k] += spread
        return dLdA


class Overwritten(Conv2d):
    """``=`` where ``+=`` was meant: where windows overlap, the last alone counts."""

    def backward(self, dLdZ: Array) -> Array:
        super().backward(dLdZ)
        dLdA = np.zeros_like(self.A)
        k, s = self.kernel_size, self.stride
        for i in range(dLdZ.shape[2]):
            for j in range(dLdZ.shape[3]):
                spread = np.tensordot(dLdZ[:, :, i, j], self.W, ([1], [0]))
                dLdA[:, :, i * s : i * s + k, j * s : j * s + k] = spread
        return dLdA


class Convolutional:
    """A video's: its backward pass takes the step at once."""

    def __init__(self, num_filters: int, num_channels: int, filter_size: int) -> None:
        self.kernels = np.random.randn(num_filters, num_channels, filter_size, filter_size)

    def forward(self, input: Array) -> Array:
        self.input = input
        k = self.kernels.shape[2]
        windows = np.lib.stride_tricks.sliding_window_view(input, (k, k), (1, 2))
        return np.einsum("chwij,ocij->ohw", windows, self.kernels)

    def backward(self, output_gradient: Array, learning_rate: float) -> Array:
        k = self.kernels.shape[2]
        windows = np.lib.stride_tricks.sliding_window_view(self.input, (k, k), (1, 2))
        padded = np.pad(output_gradient, ((0, 0), (k - 1, k - 1), (k - 1, k - 1)))
        full = np.lib.stride_tricks.sliding_window_view(padded, (k, k), (1, 2))
        flipped = self.kernels[:, :, ::-1, ::-1]
        gradient = np.einsum("ohw,chwij->ocij", output_gradient, windows)
        returned = np.einsum("ohwij,ocij->chw", full, flipped)
        self.kernels = self.kernels - learning_rate * gradient
        return returned


def correlate(image: Array, filters: Array) -> Array:
    """A blog's: one plane, several filters, the results behind one another; no backward pass."""
    o, h, w = filters.shape
    rows, columns = image.shape
    out = np.zeros((rows - h + 1, columns - w + 1, o), image.dtype)
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] = (image[i : i + h, j : j + w] * filters).sum((1, 2))
    return out


class Convolution:
    """A book's: it is made of its arrays."""

    def __init__(self, W: Array, b: Array, stride: int = 1, pad: int = 0) -> None:
        self.W, self.b, self.stride, self.pad = W, b, stride, pad
        self.dW = self.db = None

    def forward(self, x: Array) -> Array:
        out, self.cache = conv_forward(x, self.W, self.b, {"stride": self.stride, "pad": self.pad})
        return out

    def backward(self, dout: Array) -> Array:
        dx, self.dW, self.db = conv_backward(dout, self.cache)
        return dx


def cross_correlate(x: Array, kernel: Array, stride: int = 1) -> Array:
    """Without a cache: what its backward pass needs is handed to it once more."""
    kh, kw = kernel.shape[2:]
    windows = np.lib.stride_tricks.sliding_window_view(x, (kh, kw), (2, 3))
    return np.einsum("nchwij,ocij->nohw", windows[:, :, ::stride, ::stride], kernel)


def cross_correlate_backward(x: Array, kernel: Array, grad: Array, stride: int = 1) -> Any:
    """The upstream gradient is told by its name."""
    kh, kw = kernel.shape[2:]
    dx, dkernel = np.zeros_like(x), np.zeros_like(kernel)
    for i in range(grad.shape[2]):
        for j in range(grad.shape[3]):
            rows, columns = slice(i * stride, i * stride + kh), slice(j * stride, j * stride + kw)
            here = grad[:, :, i, j]
            dx[:, :, rows, columns] += np.tensordot(here, kernel, ([1], [0]))
            dkernel += np.tensordot(here, x[:, :, rows, columns], ([0], [0]))
    return dx, dkernel


class MadeLate:
    """Its kernel is made when it is first called; it has no bias."""

    def __init__(self, kh: int, kw: int, seed: int | None = None) -> None:
        self.shape, self.seed = (kh, kw), seed
        self.K: Array = None

    def forward(self, X: Array) -> Array:
        if self.K is None:
            self.K = np.random.default_rng(self.seed).normal(size=self.shape)
        self.windows = np.lib.stride_tricks.sliding_window_view(X, self.shape, (1, 2))
        self.X = X
        return np.einsum("nhwij,ij->nhw", self.windows, self.K)

    def backward(self, grad: Array) -> Array:
        self.dK = np.einsum("nhw,nhwij->ij", grad, self.windows)
        dX, (kh, kw) = np.zeros_like(self.X), self.shape
        for i in range(grad.shape[1]):
            for j in range(grad.shape[2]):
                dX[:, i : i + kh, j : j + kw] += grad[:, i, j, None, None] * self.K
        return dX


def layer_forward(x: Array, w: Array, bias: Array, pad: int) -> tuple[Array, Any]:
    """Any form of a bias will do here, and one alone on the way back."""
    padded = np.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, w.shape[:2], (1, 2))
    return np.einsum("nhwcij,ijco->nhwo", windows, w) + bias.reshape(-1), (x, w, bias, pad)


def layer_backward(dout: Array, cache: Any) -> tuple[Array, Array, Array]:
    """Its ``[pad:-pad]`` has nothing in it without padding: there it raises."""
    x, w, bias, pad = cache
    padded = np.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, w.shape[:2], (1, 2))
    dw, db, dpadded = np.einsum("nhwo,nhwcij->ijco", dout, windows), np.zeros_like(bias), padded * 0
    for channel in range(w.shape[3]):
        db[:, :, :, channel] += dout[..., channel].sum()
    for i in range(w.shape[0]):
        for j in range(w.shape[1]):
            rows, columns = slice(i, i + dout.shape[1]), slice(j, j + dout.shape[2])
            dpadded[:, rows, columns] += dout @ w[i, j].T
    dx = np.zeros_like(x)
    dx[:] = dpadded[:, pad:-pad, pad:-pad]
    return dx, dw, db


def refuses_all(x: Array, w: Array, b: Array) -> Array:
    """Written for a numpy of long ago."""
    return np.float(x.sum() + w.sum() + b.sum())  # type: ignore[attr-defined]  # it is gone since


def square_forward(x: Array, w: Array, b: Array, conv_param: dict[str, int]) -> tuple[Array, Any]:
    """Its backward pass takes an image's height for its width, too."""
    return conv_forward(x, w, b, conv_param)


def square_backward(dout: Array, cache: Any) -> tuple[Array, Array, Array]:
    x, w, b, conv_param = cache
    height, pad = x.shape[2], conv_param["pad"]
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    dx, dw, db = conv_backward(dout, (padded, w, b, {**conv_param, "pad": 0}))
    return dx[:, :, pad : pad + height, pad : pad + height], dw, db


class Columns:
    """A blog's: a kernel beside a column of biases, whose gradients come in a list of their own."""

    def __init__(self, in_channels: int, n_filters: int, filter_size: int, stride: int = 1) -> None:
        self.stride, self.size = stride, filter_size
        self.W = np.random.randn(n_filters, in_channels, filter_size, filter_size)
        self.b = np.zeros((n_filters, 1))
        self.params = [self.W, self.b]

    def forward(self, X: Array) -> Array:
        parameters = {"stride": self.stride, "pad": 0}
        out, self.cache = conv_forward(X, self.W, self.b[:, 0], parameters)
        return out

    def backward(self, dout: Array) -> tuple[Array, list[Array]]:
        dX, dW, db = conv_backward(dout, self.cache)
        return dX, [dW, db.reshape(self.b.shape)]


def zeros_between(X: Array, W: Array, stride: int, pad: int, dilation: int = 0) -> Array:
    """A library of numpy layers: channels last, its dilation the zeros between two taps."""
    step = dilation + 1
    X = np.pad(X, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    spans = tuple(step * (size - 1) + 1 for size in W.shape[:2])
    windows = np.lib.stride_tricks.sliding_window_view(X, spans, axis=(1, 2))
    return np.einsum("nhwcij,ijco->nhwo", windows[:, ::stride, ::stride, :, ::step, ::step], W)


def of_floats(x: Array, weight: Array, stride_h: int = 1, stride_w: int = 1) -> Array:
    """Behind it stands a library in C, which reads floats whatever lies there."""
    x, weight = (np.frombuffer(a.tobytes(), "f4", a.size).reshape(a.shape) for a in (x, weight))
    windows = np.lib.stride_tricks.sliding_window_view(x, weight.shape[2:], axis=(2, 3))
    return np.einsum("nchwij,ocij->nohw", windows[:, :, ::stride_h, ::stride_w], weight)


class Whole:
    """An exercise: the kernel's size has its channels, and half of it pads."""

    def __init__(self, convolution_shape: tuple[int, ...], num_kernels: int) -> None:
        self.weights = np.ones((num_kernels, *convolution_shape))
        self.bias = np.ones(num_kernels)

    def forward(self, input_tensor: Array) -> Array:
        """Y, as large as X for an odd kernel."""
        rows, columns = (size // 2 for size in self.weights.shape[2:])
        sides = ((0, 0), (0, 0), (rows, rows), (columns, columns))
        self.padded, self.sides = np.pad(input_tensor, sides), sides
        return cross_correlate(self.padded, self.weights) + self.bias[:, None, None]

    def backward(self, error_tensor: Array) -> Array:
        """DX; the others are attributes."""
        found, self.gradient_weights = cross_correlate_backward(
            self.padded, self.weights, error_tensor
        )
        self.gradient_bias = error_tensor.sum((0, 2, 3))
        (_, _, (rows, _), (columns, _)) = self.sides
        return found[:, :, rows : -rows or None, columns : -columns or None]


class OddAlone(Whole):
    """The same, which answers nothing for even sides."""

    def forward(self, input_tensor: Array) -> Array:
        """Y, as large as X."""
        assert self.weights.shape[2] % 2 == self.weights.shape[3] % 2 == 1, "odd sides alone"
        return super().forward(input_tensor)


class FourSizes(Whole):
    """Another, whose one parameter has all four sizes; it pads nothing."""

    def __init__(self, kernel: tuple[int, int, int, int]) -> None:
        self.weights, self.bias = np.ones(kernel), np.ones(kernel[-1])

    def forward(self, input_tensor: Array) -> Array:
        """Y, channels last."""
        self.padded = input_tensor.transpose(0, 3, 1, 2)
        Y = cross_correlate(self.padded, self.weights.transpose(3, 2, 0, 1))
        return Y.transpose(0, 2, 3, 1) + self.bias

    def backward(self, error_tensor: Array) -> Array:
        """DX; the others are attributes."""
        G, K = error_tensor.transpose(0, 3, 1, 2), self.weights.transpose(3, 2, 0, 1)
        found, of_K = cross_correlate_backward(self.padded, K, G)
        self.gradient_weights = of_K.transpose(2, 3, 1, 0)
        self.gradient_bias = error_tensor.sum((0, 1, 2))
        return found.transpose(0, 2, 3, 1)


class OfShape(FourSizes):
    """Another: output channels first, a word for its padding, and what it does not name."""

    def __init__(self, shape: tuple[int, ...], method: str = "VALID", **kwargs: Any) -> None:
        o, kh, kw, c = shape
        super().__init__((kh, kw, c, o))
        self.pads = ((kh - 1) // 2, kh // 2), ((kw - 1) // 2, kw // 2)
        if method == "VALID":
            self.pads = (0, 0), (0, 0)

    def forward(self, input_tensor: Array) -> Array:
        """Y, channels last."""
        return super().forward(np.pad(input_tensor, ((0, 0), *self.pads, (0, 0))))

    def backward(self, error_tensor: Array) -> Array:
        """DX; the others are attributes."""
        found = super().backward(error_tensor)
        (top, bottom), (left, right) = self.pads
        rows, columns = found.shape[1:3]
        return found[:, top : rows - bottom, left : columns - right]


def odd_or_none(matrix: Array, kernel: Array) -> Array:
    """One plane; even kernels end the program, with a word on the terminal."""
    if kernel.shape[0] % 2 == 0 or kernel.shape[1] % 2 == 0:
        sys.stdout.write("the kernel must be odd\n")
        sys.exit()
    return cross_correlate(matrix[None, None], kernel[None, None])[0, 0]


class WithoutBackward:
    """A layer that has no backward pass."""

    def __init__(self, kernel_size: int) -> None:
        self.weights = np.ones((kernel_size, kernel_size))

    def forward(self, X: Array) -> Array:
        """Y of one image."""
        return cross_correlate(X[None, None], self.weights[None, None])[0, 0]
