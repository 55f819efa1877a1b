"""Right convolutions of many kinds, written as users write them: none may raise an alarm.

The direct ones are exact; FFT and Winograd are rounded. ``direct.conv2d`` is one more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import fold, pad, unfold

from conv_reference.verification.faults import direct
from conv_reference.verification.faults.direct import Pair, Parts, Sizes, pair


class Im2col(torch.autograd.Function):
    """Unfold, multiply, and fold back; every derivative by hand, once differentiable."""

    @staticmethod
    def forward(
        input: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: Pair = (1, 1),
        padding: Pair = (0, 0),
        dilation: Pair = (1, 1),
        groups: int = 1,
    ) -> Tensor:
        if bias is not None and bias.shape != weight.shape[:1]:
            raise ValueError(f"a bias of shape {tuple(bias.shape)}")
        columns = Im2col._columns(input, weight, stride, padding, dilation, groups)
        K = weight.reshape(groups, weight.shape[0] // groups, -1)
        out = [
            (size + 2 * p - d * (k - 1) - 1) // s + 1
            for size, p, d, k, s in zip(
                input.shape[2:], padding, dilation, weight.shape[2:], stride, strict=True
            )
        ]
        Y: Tensor = (K @ columns).reshape(input.shape[0], weight.shape[0], *out)
        return Y if bias is None else Y + bias[:, None, None]

    @staticmethod
    def _columns(
        input: Tensor, weight: Tensor, stride: Pair, padding: Pair, dilation: Pair, groups: int
    ) -> Tensor:
        size = (weight.shape[2], weight.shape[3])
        columns: Tensor = unfold(input, size, dilation, padding, stride).unflatten(1, (groups, -1))
        return columns

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        input, weight, _, *ctx.options = inputs
        ctx.save_for_backward(input, weight)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> Any:
        input, weight = ctx.saved_tensors
        stride, padding, dilation, groups = ctx.options
        G = grad_output.flatten(2).unflatten(1, (groups, -1))
        dX = dK = db = None
        if ctx.needs_input_grad[0]:
            K = weight.reshape(groups, weight.shape[0] // groups, -1)
            columns = (K.transpose(1, 2) @ G).flatten(1, 2)
            size = (weight.shape[2], weight.shape[3])
            dX = fold(columns, input.shape[2:], size, dilation, padding, stride)
        if ctx.needs_input_grad[1]:
            columns = Im2col._columns(input, weight, stride, padding, dilation, groups)
            dK = torch.einsum("ngol,ngkl->gok", G, columns).reshape(weight.shape)
        if ctx.needs_input_grad[2]:
            db = grad_output.sum((0, 2, 3))
        return dX, dK, db, None, None, None, None


def fft(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Pair = 1,
    padding: int | Pair = 0,
    dilation: int | Pair = 1,
    groups: int = 1,
) -> Tensor:
    """The product of spectra, every geometry; half precision is worked in float32."""
    direct.check(
        input, weight, bias, direct.sizes(input, weight, stride, padding, dilation, groups)
    )
    if not len(input):
        raise NotImplementedError("the FFT behind torch.fft takes no empty batch")
    dtype = input.dtype
    if dtype in {torch.float16, torch.bfloat16}:
        wide = None if bias is None else bias.float()
        return fft(input.float(), weight.float(), wide, stride, padding, dilation, groups).to(dtype)
    (sh, sw), (ph, pw), (dh, dw) = pair(stride), pair(padding), pair(dilation)
    X = pad(input, (pw, pw, ph, ph)).unflatten(1, (groups, -1))
    kh, kw = weight.shape[2:]
    K = weight.new_zeros(*weight.shape[:2], dh * (kh - 1) + 1, dw * (kw - 1) + 1)
    K = torch.index_put(
        K,
        (
            torch.arange(weight.shape[0])[:, None, None, None],
            torch.arange(weight.shape[1])[:, None, None],
            torch.arange(kh)[:, None] * dh,
            torch.arange(kw) * dw,
        ),
        weight,
    )
    size = X.shape[-2:]
    oh, ow = (big - small + 1 for big, small in zip(size, K.shape[2:], strict=True))
    spectrum = torch.fft.rfft2(X)
    kernel = torch.fft.rfft2(K, s=size).unflatten(0, (groups, -1)).conj()
    product = torch.einsum("ngchw,gochw->ngohw", spectrum, kernel)
    Y: Tensor = torch.fft.irfft2(product, s=size)[..., :oh:sh, :ow:sw].flatten(1, 2)
    return Y if bias is None else Y + bias[:, None, None]


# Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2016: Y = A'[(GKG')(B'XB)]A
_WINOGRAD: dict[int, tuple[list[list[float]], list[list[float]], list[list[float]]]] = {
    2: (
        [[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]],
        [[1, 0, 0], [1 / 2, 1 / 2, 1 / 2], [1 / 2, -1 / 2, 1 / 2], [0, 0, 1]],
        [[1, 1, 1, 0], [0, 1, -1, -1]],
    ),
    4: (
        [
            [4, 0, -5, 0, 1, 0],
            [0, -4, -4, 1, 1, 0],
            [0, 4, -4, -1, 1, 0],
            [0, -2, -1, 2, 1, 0],
            [0, 2, -1, -2, 1, 0],
            [0, 4, 0, -5, 0, 1],
        ],
        [
            [1 / 4, 0, 0],
            [-1 / 6, -1 / 6, -1 / 6],
            [-1 / 6, 1 / 6, -1 / 6],
            [1 / 24, 1 / 12, 1 / 6],
            [1 / 24, -1 / 12, 1 / 6],
            [0, 0, 1],
        ],
        [
            [1, 1, 1, 1, 1, 0],
            [0, 1, -1, 2, -2, 0],
            [0, 1, 1, 4, 4, 0],
            [0, 1, -1, 8, -8, 1],
        ],
    ),
}


def _winograd(tile: int) -> Callable[..., Tensor]:
    def conv2d(
        input: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: int | Pair = 1,
        padding: int | Pair = 0,
        dilation: int | Pair = 1,
        groups: int = 1,
    ) -> Tensor:
        plain = (pair(stride), pair(dilation), groups) == ((1, 1), (1, 1), 1)
        sizes = direct.sizes(input, weight, stride, padding, dilation, groups)
        direct.check(input, weight, bias, sizes)
        if weight.shape[2:] != (3, 3) or not plain:
            return direct.conv2d(input, weight, bias, stride, padding, dilation, groups)
        dtype = input.dtype
        wide = torch.float32 if dtype in {torch.float16, torch.bfloat16} else dtype
        B, transform, A = (torch.tensor(matrix, dtype=wide) for matrix in _WINOGRAD[tile])
        ph, pw = pair(padding)
        oh, ow = input.shape[2] + 2 * ph - 2, input.shape[3] + 2 * pw - 2
        down, across = -oh % tile, -ow % tile
        X = pad(input.to(wide), (pw, pw + across, ph, ph + down))
        tiles = X.unfold(2, tile + 2, tile).unfold(3, tile + 2, tile)
        V = B @ tiles @ B.T
        U = transform @ weight.to(wide) @ transform.T
        M = torch.einsum("ocab,ncijab->noijab", U, V)
        Y = (A @ M @ A.T).transpose(3, 4).flatten(4, 5).flatten(2, 3)[:, :, :oh, :ow].to(dtype)
        return Y if bias is None else Y + bias[:, None, None]

    return conv2d


winograd_2 = _winograd(2)
winograd_4 = _winograd(4)


class Numpy:
    """An adapter for another framework: loops over taps, in numpy."""

    def forward(self, input: Any, weight: Any, bias: Any, **options: Any) -> Any:
        if bias is not None and bias.shape != weight.shape[:1]:
            raise ValueError(f"a bias of shape {bias.shape}")
        Y = np.zeros(self._shape(input, weight, **options), dtype=input.dtype)
        for a, b, rows, columns, g, X in self._taps(input, weight, Y.shape, **options):
            seen = X[:, :, rows, columns]
            Y[:, g[1]] += np.einsum("nchw,oc->nohw", seen, weight[g[1], :, a, b])
        return Y if bias is None else Y + bias[:, None, None]

    def vjp(self, grad_output: Any, input: Any, weight: Any, bias: Any, **options: Any) -> Any:
        G, dK = grad_output, np.zeros_like(weight)
        (ph, pw), (h, w) = options["padding"], input.shape[2:]
        padded = np.zeros((*input.shape[:2], h + 2 * ph, w + 2 * pw), dtype=input.dtype)
        for a, b, rows, columns, g, X in self._taps(input, weight, G.shape, **options):
            dK[g[1], :, a, b] = np.einsum("nohw,nchw->oc", G[:, g[1]], X[:, :, rows, columns])
            share = np.einsum("nohw,oc->nchw", G[:, g[1]], weight[g[1], :, a, b])
            padded[:, g[0], rows, columns] += share
        dX = padded[:, :, ph : ph + h, pw : pw + w]
        return dX, dK, None if bias is None else G.sum((0, 2, 3), dtype=G.dtype)

    def _shape(
        self, input: Any, weight: Any, stride: Pair, padding: Pair, dilation: Pair, groups: int
    ) -> tuple[int, ...]:
        sizes = zip(input.shape[2:], weight.shape[2:], stride, padding, dilation, strict=True)
        out = [(size + 2 * p - d * (k - 1) - 1) // s + 1 for size, k, s, p, d in sizes]
        if weight.shape[1] * groups != input.shape[1] or weight.shape[0] % groups:
            raise ValueError("the channels do not fit")
        if min(*out, *stride, *dilation) < 1 or min(padding) < 0:
            raise ValueError("no convolution has these sizes")
        return (input.shape[0], weight.shape[0], *out)

    def _taps(
        self,
        input: Any,
        weight: Any,
        shape: Any,
        stride: Pair,
        padding: Pair,
        dilation: Pair,
        groups: int,
    ) -> Any:
        X = np.pad(input, ((0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2))
        into, out = weight.shape[1], weight.shape[0] // groups
        for g in range(groups):
            channels = slice(g * into, (g + 1) * into), slice(g * out, (g + 1) * out)
            for a, b in np.ndindex(*weight.shape[2:]):
                rows, columns = (
                    slice(start * d, start * d + s * (size - 1) + 1, s)
                    for start, d, s, size in zip((a, b), dilation, stride, shape[2:], strict=True)
                )
                yield a, b, rows, columns, channels, X[:, channels[0]]


numpy_adapter = Numpy()


class Layer(direct.Layer):
    """A layer as users write it, over ``direct.conv2d``."""

    def forward(self, input: Tensor) -> Tensor:
        return direct.conv2d(input, self.weight, self.bias, *self.options)


class PlaneLayer(nn.Module):
    """A layer without channels, like the chapter's: (N, H, W)."""

    def __init__(self, kernel_size: Pair, stride: int | Pair = 1, bias: bool = True) -> None:
        super().__init__()
        self.stride = stride
        self.kernel = nn.Parameter(torch.empty(*kernel_size))
        self.bias = nn.Parameter(torch.zeros(1)) if bias else None

    def forward(self, input: Tensor) -> Tensor:
        K = self.kernel[None, None]
        return direct.conv2d(input[:, None], K, self.bias, self.stride)[:, 0]


def _folded(
    apply: Callable[..., Any], size: int, dims: Any, X: Any, K: Any, b: Any, z: Sizes
) -> Any:
    """A vmap rule by hand: what is batched becomes more groups of one larger convolution.

    X is copied where only K is batched, and the other way round; then every sample is a group.
    """

    def first(value: Any, dim: int | None) -> Any:
        if value is None:
            return None
        return value.expand(size, *value.shape) if dim is None else value.movedim(dim, 0)

    X, K, b = (first(value, dim) for value, dim in zip((X, K, b), dims[:3], strict=True))
    many = Sizes(z.n, size * z.c, z.h, z.w, size * z.o, z.kh, z.kw, z.s, z.p, z.d, size * z.g)
    X = X.transpose(0, 1).flatten(1, 2)
    K = K.flatten(0, 1)
    Y = apply(X, K, None if b is None else b.flatten(), many)
    return Y.unflatten(1, (size, z.o)), 1


with_rules = direct.convolution(Parts(vmap=_folded))  # its own jvp and vmap rules
