"""Layers that hold no kernel: it is handed to them with each input."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor, nn
from torch.nn import functional as F

Array = Any


class Filtering(nn.Module):
    """It knows how to move over an image, and not with which kernel."""

    def __init__(self, strides: int = 1, pad: int = 0) -> None:
        super().__init__()
        self.strides, self.pad = strides, pad

    def forward(self, image: Tensor, kernel: Tensor, bias: Tensor | None = None) -> Tensor:
        (kh, kw), step = kernel.shape[2:], self.strides
        windows = F.pad(image, (self.pad,) * 4).unfold(2, kh, step).unfold(3, kw, step)
        out = self._summed(windows, kernel)
        return out if bias is None else out + bias[:, None, None]

    def _summed(self, windows: Tensor, kernel: Tensor) -> Tensor:
        out: Tensor = (windows.unsqueeze(1) * kernel[:, :, None, None]).sum((2, -2, -1))
        return out


class FilteringOnItsSide(Filtering):
    """It takes the kernel's columns for its rows."""

    def _summed(self, windows: Tensor, kernel: Tensor) -> Tensor:
        return super()._summed(windows, kernel.transpose(2, 3).reshape(kernel.shape))


class Correlation:
    """Over arrays, with torch's names, a flag for a bias that it never adds, and no backward."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = (1, 1),
        bias: bool = True,
        verbose: bool = False,
    ) -> None:
        self.sizes = in_channels, out_channels
        self.kernel_size, self.stride, self.bias, self.verbose = kernel_size, stride, bias, verbose

    def forward(self, _input: Array, kernels: Array = None) -> Array:
        if kernels is None:
            kernels = np.random.rand(*self.sizes[::-1], *self.kernel_size)
        sh, sw = self.stride
        windows = np.lib.stride_tricks.sliding_window_view(_input, self.kernel_size, (2, 3))
        return np.einsum("nchwij,ocij->nohw", windows[:, :, ::sh, ::sw], kernels)


class Operation:
    """Over arrays, with a backward pass of all three gradients."""

    def __init__(self, stride: int = 1) -> None:
        self.stride = stride

    def _at(self, i: int, j: int) -> tuple[Any, ...]:
        step, (kh, kw) = self.stride, self.w.shape[2:]
        rows = slice(i * step, i * step + kh)
        return (slice(None), slice(None), rows, slice(j * step, j * step + kw))

    def __call__(self, x: Array, w: Array, b: Array) -> Array:
        self.x, self.w = x, w
        kh, kw = w.shape[2:]
        oh, ow = ((x.shape[2] - kh) // self.stride + 1, (x.shape[3] - kw) // self.stride + 1)
        out = np.zeros((len(x), len(w), oh, ow))
        for i, j in np.ndindex(oh, ow):
            out[:, :, i, j] = np.einsum("ncab,ocab->no", x[self._at(i, j)], w) + b
        return out

    def backward(self, dout: Array) -> Any:
        dx, dw = np.zeros_like(self.x), np.zeros_like(self.w)
        for i, j in np.ndindex(*dout.shape[2:]):
            g, at = dout[:, :, i, j], self._at(i, j)
            dw += np.einsum("no,ncab->ocab", g, self.x[at])
            self._add(dx, at, np.einsum("no,ocab->ncab", g, self.w))
        return dx, dw, dout.sum((0, 2, 3))

    def _add(self, dx: Array, at: Any, step: Array) -> None:
        dx[at] += step


class LastStepAlone(Operation):
    """Where windows overlap it keeps what the last one gives."""

    def _add(self, dx: Array, at: Any, step: Array) -> None:
        dx[at] = step


class LeavesItsOwn(Operation):
    """It hands back dX, and leaves the other two gradients in itself."""

    def backward(self, dout: Array) -> Array:
        dx, self.dw, self.db = super().backward(dout)
        return dx
