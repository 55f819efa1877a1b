"""Depthwise convolutions over NHWC, whose kernels have no dimension for a sum."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor


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
