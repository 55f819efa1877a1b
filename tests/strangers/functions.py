"""Functions in the manner of courses and tutorials: what they are called with is all their own."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F


def convolve(X: Tensor, K: Tensor) -> Tensor:
    """A student's: one image, one kernel, two loops."""
    h, w = K.shape
    rows, columns = X.shape
    Y = torch.zeros(rows - h + 1, columns - w + 1, dtype=X.dtype)
    for i in range(Y.shape[0]):
        for j in range(Y.shape[1]):
            Y[i, j] = (X[i : i + h, j : j + w] * K).sum()
    return Y


def true_convolution(image: Tensor, kernel: Tensor) -> Tensor:
    """The signal-processing course's, which flips the kernel: wrong where torch's is meant."""
    return convolve(image, kernel.flip(0, 1))


def apply_filter(kernel: Tensor, image: Tensor) -> Tensor:
    """The kernel comes first."""
    return convolve(image, kernel)


def conv_forward(X: Tensor, W: Tensor, b: Tensor, s: int, pad: int) -> tuple[Tensor, Any]:
    """The result, and a cache for the backward pass that nobody calls here."""
    X = F.pad(X, (pad, pad, pad, pad))
    _, _, kh, kw = W.shape
    height, width = (X.shape[2] - kh) // s + 1, (X.shape[3] - kw) // s + 1
    rows = []
    for i in range(height):
        row = [
            torch.einsum("nchw,ochw->no", X[:, :, i * s : i * s + kh, j * s : j * s + kw], W) + b
            for j in range(width)
        ]
        rows.append(torch.stack(row, -1))
    return torch.stack(rows, -2), (X, W, b, s, pad)


def conv2d_nhwc(x: Tensor, filters: Tensor, strides: int = 1) -> Tensor:
    """TensorFlow's order of dimensions, the taps shifted one by one."""
    kh, kw, _, _ = filters.shape
    height, width = (x.shape[1] - kh) // strides + 1, (x.shape[2] - kw) // strides + 1
    total = torch.zeros(x.shape[0], height, width, filters.shape[3], dtype=x.dtype)
    for i in range(kh):
        for j in range(kw):
            rows = slice(i, i + (height - 1) * strides + 1, strides)
            columns = slice(j, j + (width - 1) * strides + 1, strides)
            total = total + x[:, rows, columns, :] @ filters[i, j]
    return total


def conv_iohw(x: Tensor, w: Tensor, pad: int = 0) -> Tensor:
    """Its kernel lies as a transposed convolution's does."""
    return im2col_strided(F.pad(x, (pad,) * 4), w.permute(1, 0, 2, 3))


def im2col_strided(x: Tensor, w: Tensor, stride: int = 1) -> Tensor:
    """Windows by strides, and one matrix product."""
    n, c, h, width = x.shape
    o, _, kh, kw = w.shape
    oh, ow = (h - kh) // stride + 1, (width - kw) // stride + 1
    sn, sc, sh, sw = x.stride()
    windows = x.as_strided(
        (n, oh, ow, c, kh, kw), (sn, sh * stride, sw * stride, sc, sh, sw), x.storage_offset()
    )
    columns = windows.reshape(n * oh * ow, c * kh * kw)
    return (columns @ w.reshape(o, -1).t()).reshape(n, oh, ow, o).permute(0, 3, 1, 2)


def im2col_flat(x: Tensor, w: Tensor) -> Tensor:
    """By unfold, over windows of three by three: a kernel of another size is not refused."""
    columns = F.unfold(x, (3, 3))
    height, width = x.shape[2] - 2, x.shape[3] - 2
    return (w.flatten(1) @ columns).reshape(len(x), len(w), height, width)


def fft_conv(signal: Tensor, kernel: Tensor) -> Tensor:
    """By the convolution theorem."""
    size = signal.shape[-2:]
    spectrum = torch.fft.rfft2(kernel, s=size).conj()
    product = torch.einsum("ncxy,ocxy->noxy", torch.fft.rfft2(signal), spectrum)
    whole: Tensor = torch.fft.irfft2(product, s=size)
    return whole[..., : size[0] - kernel.shape[2] + 1, : size[1] - kernel.shape[3] + 1]


def last_channel_alone(x: Tensor, w: Tensor) -> Tensor:
    """`=` where `+=` was meant: the sum over the input channels is forgotten."""
    for c in range(x.shape[1]):
        total = im2col_strided(x[:, c : c + 1], w[:, c : c + 1])
    return total


def same(x: Tensor, w: Tensor) -> Tensor:
    """TensorFlow's SAME padding, and a ReLU behind it."""
    kh, kw = w.shape[2:]
    padded = F.pad(x, ((kw - 1) // 2, kw // 2, (kh - 1) // 2, kh // 2))
    return im2col_strided(padded, w).relu()


_B = torch.tensor([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]])
_G = torch.tensor([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]])
_A = torch.tensor([[1, 1, 1, 0], [0, 1, -1, -1]])


def winograd(x: Tensor, g: Tensor) -> Tensor:
    """F(2x2, 3x3), which declares what it is not for; a last tile is cut."""
    if tuple(g.shape[2:]) != (3, 3):
        raise ValueError("kernels of three by three alone")
    B, G, A = (matrix.to(x.dtype) for matrix in (_B, _G, _A))
    n, _, height, width = x.shape
    down, across = (height - 1) // 2, (width - 1) // 2
    padded = F.pad(x, (0, 2 * across + 2 - width, 0, 2 * down + 2 - height))
    tiles = padded.unfold(2, 4, 2).unfold(3, 4, 2)
    product = torch.einsum("nchwij,ocij->nohwij", B @ tiles @ B.t(), G @ g @ G.t())
    out = (A @ product @ A.t()).permute(0, 1, 2, 4, 3, 5)
    return out.reshape(n, len(g), 2 * down, 2 * across)[:, :, : height - 2, : width - 2]


def square(x: Tensor, weight: Tensor, bias: Tensor | None, stride: int) -> Tensor:
    """A kernel's width stands for its height, too: it was written for square ones."""
    n, _, h, w = x.shape
    o, _, _, k = weight.shape
    out = weight.reshape(o, -1) @ F.unfold(x, kernel_size=k, stride=stride)
    if bias is not None:
        out = out + bias[:, None]
    return out.reshape(n, o, (h - k) // stride + 1, (w - k) // stride + 1)


def half_on_each_side(x: Tensor, kernel: Tensor, padding: str = "same") -> Tensor:
    """Half a kernel on each side is SAME where the kernel is odd: even ones make Y too large."""
    if padding == "same":
        rows, columns = kernel.shape[2] // 2, kernel.shape[3] // 2
        x = F.pad(x, (columns, columns, rows, rows))
    return im2col_strided(x.contiguous(), kernel.contiguous())


def by_sides(
    x: Tensor,
    w: Tensor,
    stride_h: int = 1,
    stride_w: int = 1,
    pad_top: int = 0,
    pad_bottom: int = 0,
    pad_left: int = 0,
    pad_right: int = 0,
) -> Tensor:
    """A graph compiler's: a number for each axis, and for each side."""
    kh, kw = w.shape[2:]
    x = F.pad(x, (pad_left, pad_right, pad_top, pad_bottom))
    windows = x.unfold(2, kh, stride_h).unfold(3, kw, stride_w)
    return torch.einsum("nchwij,ocij->nohw", windows, w)


def sides_exchanged(x: Tensor, w: Tensor, pad_t: int, pad_b: int, pad_l: int, pad_r: int) -> Tensor:
    """What is for the top goes to the bottom: right wherever the two are alike."""
    return by_sides(x, w, pad_top=pad_b, pad_bottom=pad_t, pad_left=pad_l, pad_right=pad_r)


def onnx_conv(x: Tensor, w: Tensor, pads: tuple[int, ...], strides: tuple[int, int]) -> Tensor:
    """ONNX's order: what is before on each axis, then what is behind."""
    top, left, bottom, right = pads
    return by_sides(x, w, *strides, top, bottom, left, right)


def one_map(volume: Tensor, kernel: Tensor, bias: Any) -> Tensor:
    """One feature map: a kernel over all channels of one image, and a number."""
    _, kh, kw = kernel.shape
    windows = volume.unfold(1, kh, 1).unfold(2, kw, 1)
    Y: Tensor = torch.einsum("chwij,cij->hw", windows, kernel) + bias
    return Y


def with_keywords(x: Tensor, weight: Tensor, **kwargs: int) -> Tensor:
    """Its options are keys of what it is called with, each an integer."""
    stride, padding = kwargs.get("stride", 1), kwargs.get("padding", 0)
    kh, kw = weight.shape[2:]
    windows = F.pad(x, (padding,) * 4).unfold(2, kh, stride).unfold(3, kw, stride)
    return torch.einsum("nchwij,ocij->nohw", windows, weight)


def with_keys(input: Tensor, weight: Tensor, **options: Any) -> Tensor:
    """It needs two keys, which torch has as well; of others it knows nothing."""
    return F.conv2d(input, weight, None, options["stride"], options["padding"])
