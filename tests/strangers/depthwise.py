"""Depthwise convolutions, over NHWC and over NCHW: each channel has a kernel of its own."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad


def depthwise_forward(x: Any, w: Any, b: Any, stride: int = 1, pad: int = 0) -> tuple[Any, Any]:
    """Microcontrollers' networks, trained by hand; K is (kh, kw, c)."""
    kh, kw, _ = w.shape
    xp = np.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    rows, columns = (xp.shape[1] - kh) // stride + 1, (xp.shape[2] - kw) // stride + 1
    y = np.zeros((x.shape[0], rows, columns, x.shape[3]), x.dtype)
    for i in range(rows):
        for j in range(columns):
            window = xp[:, i * stride : i * stride + kh, j * stride : j * stride + kw]
            y[:, i, j] = np.einsum("nklc,klc->nc", window, w)
    y += b
    return y, (xp, w, stride, pad)


def depthwise_backward(dy: Any, cache: Any) -> tuple[Any, Any, Any]:
    """Of the three."""
    xp, w, stride, pad = cache
    kh, kw, _ = w.shape
    dx, dw = np.zeros_like(xp), np.zeros_like(w)
    for i in range(dy.shape[1]):
        for j in range(dy.shape[2]):
            place = np.s_[:, i * stride : i * stride + kh, j * stride : j * stride + kw]
            dw += np.einsum("nc,nklc->klc", dy[:, i, j], xp[place])
            dx[place] += np.einsum("nc,klc->nklc", dy[:, i, j], w)
    end = np.s_[:, pad : dx.shape[1] - pad, pad : dx.shape[2] - pad]
    return dx[end], dw, dy.sum(axis=(0, 1, 2))


def depthwise_conv2d(x: Tensor, filters: Tensor, strides: int = 1) -> Tensor:
    """As TensorFlow has it, with a multiplier of one; K is (kh, kw, c, 1)."""
    windows = x.unfold(1, filters.shape[0], strides).unfold(2, filters.shape[1], strides)
    return torch.einsum("nhwckl,klcm->nhwc", windows, filters)


def rows_alone(x: Tensor, filters: Tensor, strides: int = 1) -> Tensor:
    """The stride is that of the rows."""
    windows = x.unfold(1, filters.shape[0], strides).unfold(2, filters.shape[1], 1)
    return torch.einsum("nhwckl,klc->nhwc", windows, filters)


def tap_by_tap(x: Tensor, w: Tensor) -> Tensor:
    """K is (c, 1, kh, kw), as torch's grouped convolution has it; no options."""
    channels, _, kh, kw = w.shape
    height, width = x.shape[2] - kh + 1, x.shape[3] - kw + 1
    y = x.new_zeros(len(x), channels, height, width)
    for i in range(kh):
        for j in range(kw):
            y = y + x[:, :, i : i + height, j : j + width] * w[:, 0, i, j].view(1, -1, 1, 1)
    return y


def by_groups(
    input: Tensor, weight: Tensor, bias: Any = None, stride: Any = 1, dilation: Any = 1
) -> Tensor:
    """Torch's own, with as many groups as there are channels."""
    groups = input.shape[1]
    return conv2d(input, weight, bias, stride=stride, dilation=dilation, groups=groups)


def each_alone(x: Tensor, kernels: Tensor) -> Tensor:
    """K is (c, kh, kw)."""
    _, kh, kw = kernels.shape
    return torch.einsum("nchwij,cij->nchw", x.unfold(2, kh, 1).unfold(3, kw, 1), kernels)


def on_one_image(image: Tensor, kernels: Tensor) -> Tensor:
    """X is (c, h, w), K (c, kh, kw)."""
    return each_alone(image[None], kernels)[0]


def windows_of(x: Any, kernel_size: tuple[int, int], stride: int = 1) -> Any:
    """Views (n, c, h', w', kh, kw)."""
    views = np.lib.stride_tricks.sliding_window_view(x, kernel_size, axis=(2, 3))
    return views[:, :, ::stride, ::stride]


def over_windows(x: Any, w: Any, stride: int = 1) -> Any:
    """Over arrays; K is (c, 1, kh, kw)."""
    return np.einsum("nchwij,cij->nchw", windows_of(x, w.shape[2:], stride), w[:, 0])


def first_kernel_for_all(x: Any, w: Any, stride: int = 1) -> Any:
    """The kernel of channel 0 on each of them; also K as (kh, kw) is taken, where it is right."""
    kh, kw = w.shape[-2:]
    return np.einsum("nchwij,ij->nchw", windows_of(x, (kh, kw), stride), w.reshape(-1, kh, kw)[0])


def upside_down(x: Tensor, w: Tensor, stride: int = 1) -> Tensor:
    """The rows of K in the other order."""
    return conv2d(x, w.flip(2), stride=stride, groups=x.shape[1])


def sum_forgotten(x: Tensor, w: Tensor) -> Tensor:
    """No depthwise one, for it takes K as (o, c, kh, kw): of each kernel it has one channel."""
    planes = [x[:, [o % x.shape[1]]] for o in range(len(w))]
    return torch.cat([conv2d(plane, w[[o], :1]) for o, plane in enumerate(planes)], 1)


class DepthwiseConv2d(nn.Module):
    """Around torch's own, of as many output channels as there are input channels."""

    def __init__(self, in_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0):
        super().__init__()
        self.conv = nn.Conv2d(
            in_channels, in_channels, kernel_size, stride, padding, groups=in_channels, bias=False
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv(x)
        return out


class PaddedAbove(nn.Module):
    """All of its padding stands above and on the left; a bias."""

    def __init__(self, dim: int, kernel_size: int, stride: int = 1, padding: int = 0):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(dim, 1, kernel_size, kernel_size))
        self.bias = nn.Parameter(torch.zeros(dim))
        self.stride, self.padding = stride, padding

    def forward(self, x: Tensor) -> Tensor:
        x = pad(x, (2 * self.padding, 0, 2 * self.padding, 0))
        return conv2d(x, self.weight, self.bias, self.stride, groups=len(self.weight))


class DepthwiseLayer:
    """A course's, over arrays."""

    def __init__(self, in_channels: int, kernel_size: int):
        self.W = np.random.randn(in_channels, 1, kernel_size, kernel_size)
        self.b = np.zeros(in_channels)

    def forward(self, x: Any) -> Any:
        self.x = x
        y = np.einsum("nchwij,cij->nchw", windows_of(x, self.W.shape[2:]), self.W[:, 0])
        return y + self.b[:, None, None]

    def backward(self, dout: Any) -> Any:
        _, _, kh, kw = self.W.shape
        height, width = dout.shape[2:]
        windows = windows_of(self.x, (kh, kw))
        self.dW = np.einsum("nchwij,nchw->cij", windows, dout)[:, None]
        self.db = dout.sum(axis=(0, 2, 3))
        dx = np.zeros_like(self.x)
        for i in range(kh):
            for j in range(kw):
                dx[:, :, i : i + height, j : j + width] += dout * self.tap(i, j)
        return dx

    def tap(self, i: int, j: int) -> Any:
        """Of each channel."""
        return self.W[:, 0, i, j][:, None, None]


class TransposedBack(DepthwiseLayer):
    """Its dX takes each kernel on its side."""

    def tap(self, i: int, j: int) -> Any:
        """Of each channel."""
        return self.W[:, 0, j, i][:, None, None]
