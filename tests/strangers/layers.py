"""Layers and autograd Functions in the manner of courses and tutorials."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.grad import conv2d_input, conv2d_weight


class ConvLayer(nn.Module):
    """A chapter's first layer: a kernel of h by w, and one image."""

    def __init__(self, h: int, w: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.rand(h, w))
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        h, w = self.weight.shape
        out = torch.zeros(x.shape[0] - h + 1, x.shape[1] - w + 1, dtype=x.dtype)
        for i in range(out.shape[0]):
            for j in range(out.shape[1]):
                out[i, j] = (x[i : i + h, j : j + w] * self.weight).sum()
        return out + self.bias


class UnfoldConv(nn.Module):
    """A kernel that is a matrix, a bias that is a column."""

    def __init__(self, in_ch: int, nb_filters: int, k: int, strides: int = 1, pad: int = 1) -> None:
        super().__init__()
        self.k, self.strides, self.pad = k, strides, pad
        self.W = nn.Parameter(torch.randn(nb_filters, in_ch * k * k))
        self.b = nn.Parameter(torch.zeros(nb_filters, 1))

    def forward(self, x: Tensor) -> Tensor:
        columns = F.unfold(x, self.k, padding=self.pad, stride=self.strides)
        height = (x.shape[2] + 2 * self.pad - self.k) // self.strides + 1
        y = self.W @ columns + self.b
        return y.reshape(*y.shape[:2], height, -1)


class NaiveConv(nn.Module):
    """Loops over positions, with sizes as integers."""

    def __init__(self, c_in: int, c_out: int, ks: int, padding_size: int = 0) -> None:
        super().__init__()
        self.ks, self.padding_size = ks, padding_size
        self.weight = nn.Parameter(torch.randn(c_out, c_in, ks, ks))

    def forward(self, x: Tensor) -> Tensor:
        x = self._padded(x)
        rows = range(x.shape[2] - self.ks + 1)
        columns = range(x.shape[3] - self.ks + 1)
        return torch.stack(
            [torch.stack([self._at(x, i, j) for j in columns], -1) for i in rows], -2
        )

    def _padded(self, x: Tensor) -> Tensor:
        return F.pad(x, (self.padding_size,) * 4)

    def _at(self, x: Tensor, i: int, j: int) -> Tensor:
        window = x[:, :, i : i + self.ks, j : j + self.ks]
        return torch.einsum("nchw,ochw->no", window, self.weight)


class PaddedOnce(NaiveConv):
    """Pads below and on the right alone: the shape is right, and all is shifted."""

    def _padded(self, x: Tensor) -> Tensor:
        return F.pad(x, (0, 2 * self.padding_size, 0, 2 * self.padding_size))


class CachedConv(torch.autograd.Function):
    """A forward and a backward pass by hand, with a cache."""

    bias_factor = 1

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor, b: Tensor, stride: int, padding: int) -> Tensor:
        n, _, height, width = x.shape
        o, _, kh, kw = w.shape
        oh, ow = (height + 2 * padding - kh) // stride + 1, (width + 2 * padding - kw) // stride + 1
        columns = F.unfold(x, (kh, kw), padding=padding, stride=stride)
        ctx.save_for_backward(columns, w)
        ctx.cache = (height, width), stride, padding
        return (w.reshape(o, -1) @ columns + b[:, None]).reshape(n, o, oh, ow)

    @classmethod
    def _gradients(cls, ctx: Any, dout: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        columns, w = ctx.saved_tensors
        size, stride, padding = ctx.cache
        flat = dout.flatten(2)
        dw = torch.einsum("nol,nkl->ok", flat, columns).reshape(w.shape)
        spread = w.reshape(len(w), -1).t() @ flat
        dx = F.fold(spread, size, tuple(w.shape[2:]), padding=padding, stride=stride)
        return dx, dw, dout.sum((0, 2, 3)) * cls.bias_factor

    @staticmethod
    def backward(ctx: Any, dout: Tensor) -> Any:
        return *CachedConv._gradients(ctx, dout), None, None


class TwiceTheBias(CachedConv):
    """Its backward pass counts the bias twice."""

    bias_factor = 2

    @staticmethod
    def backward(ctx: Any, dout: Tensor) -> Any:
        return *TwiceTheBias._gradients(ctx, dout), None, None


class KernelAlone(nn.Module):
    """A book's first layer: it is given the kernel's size as a pair, and one image."""

    def __init__(self, kernel_size: tuple[int, int]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.rand(*kernel_size))
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        h, w = self.weight.shape
        return (x.unfold(0, h, 1).unfold(1, w, 1) * self.weight).sum((-1, -2)) + self.bias


class ChannelsLast(nn.Module):
    """A port from another framework: its dimensions and its words of padding came along."""

    def __init__(
        self,
        in_channels: int,
        filters: int,
        kernel_size: Any,
        strides: Any = (1, 1),
        padding: str = "valid",
    ) -> None:
        super().__init__()
        self.strides, self.padding = strides, padding
        self.kernel = nn.Parameter(torch.rand(*kernel_size, in_channels, filters))
        self.bias = nn.Parameter(torch.zeros(filters))

    def forward(self, inputs: Tensor) -> Tensor:
        sides: list[int] = []
        for size, k, s in zip(inputs.shape[1:3], self.kernel.shape, self.strides, strict=False):
            whole = max((-(-size // s) - 1) * s + k - size, 0) if self.padding == "same" else 0
            sides = [whole // 2, whole - whole // 2, *sides]
        (sh, sw), (kh, kw) = self.strides, self.kernel.shape[:2]
        windows = F.pad(inputs, (0, 0, *sides)).unfold(1, kh, sh).unfold(2, kw, sw)
        return torch.einsum("nijcab,abco->nijo", windows, self.kernel) + self.bias


class StaticSame(nn.Conv2d):
    """TensorFlow's SAME, for images of one size."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        image_size: Any = None,
        **rest: Any,
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, **rest)
        assert image_size is not None
        kh, kw = self.kernel_size
        self.pads = (kw - 1) // 2, kw // 2, (kh - 1) // 2, kh // 2

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(F.pad(x, self.pads), self.weight, self.bias)


class DynamicSame(nn.Conv2d):
    """The same for images of any size; torch's names, without one for the padding."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, stride, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        sides: list[int] = []
        for size, k, s in zip(x.shape[2:], self.kernel_size, self.stride, strict=True):
            needed = max((-(-size // s) - 1) * s + k - size, 0)
            sides = [needed // 2, needed - needed // 2, *sides]
        return F.conv2d(F.pad(x, sides), self.weight, self.bias, self.stride)


class HalfOnEachSide(nn.Module):
    """SAME as half a kernel on each side: of another shape, of other numbers, or right."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        padding: str = "same",
    ) -> None:
        super().__init__()
        sides = kernel_size, kernel_size
        self.weight = nn.Parameter(torch.rand(out_channels, in_channels, *sides))
        self.pad = kernel_size // 2 if padding == "same" else 0
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight, None, self.stride, self.pad)


class SetUp(torch.autograd.Function):
    """Its context is set up apart from its forward pass."""

    @staticmethod
    def forward(x: Tensor, weight: Tensor, bias: Tensor, stride: int, padding: int) -> Tensor:
        return F.conv2d(x, weight, bias, stride, padding)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        x, weight, bias, ctx.stride, ctx.padding = inputs
        ctx.is_biased = bias is not None
        ctx.save_for_backward(x, weight)

    @staticmethod
    def backward(ctx: Any, dout: Tensor) -> Any:
        x, weight = ctx.saved_tensors
        dx = conv2d_input(x.shape, weight, dout, ctx.stride, ctx.padding)
        dw = conv2d_weight(x, weight.shape, dout, ctx.stride, ctx.padding)
        return dx, dw, dout.sum((0, 2, 3)) if ctx.is_biased else None, None, None


class SetUpWrongly(SetUp):
    """What its context keeps of the kernel is its opposite."""

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        x, weight, *others = inputs
        SetUp.setup_context(ctx, (x, -weight, *others), output)


class LinearOnPatches(nn.Module):
    """Its kernel is that of a linear layer, put to each patch."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, stride: int = 1
    ) -> None:
        super().__init__()
        self.kernel_size, self.stride = kernel_size, stride
        self.linear = nn.Linear(in_channels * kernel_size**2, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        height = (x.shape[2] - self.kernel_size) // self.stride + 1
        patches = F.unfold(x, self.kernel_size, stride=self.stride).transpose(1, 2)
        out: Tensor = self.linear(patches).transpose(1, 2).unflatten(2, (height, -1))
        return out


class BiasDemanded(torch.autograd.Function):
    """In torch's words; its bias has no default, and is reshaped unasked."""

    @staticmethod
    def forward(ctx: Any, input: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        assert weight.shape[2] == weight.shape[3]
        ctx.save_for_backward(input, weight)
        return F.conv2d(input, weight) + bias.reshape(1, -1, 1, 1)

    @staticmethod
    def backward(ctx: Any, dout: Tensor) -> Any:
        x, weight = ctx.saved_tensors
        dx = conv2d_input(x.shape, weight, dout)
        return dx, conv2d_weight(x, weight.shape, dout), dout.sum((0, 2, 3))


class OptionsInAList(torch.autograd.Function):
    """In torch's words; it keeps its options as a tensor of four numbers."""

    @staticmethod
    def forward(
        ctx: Any,
        input: Tensor,
        weight: Tensor,
        bias: Any = None,
        stride: int = 1,
        padding: int = 0,
        dilation: int = 1,
        groups: int = 1,
    ) -> Tensor:
        options = torch.from_numpy(np.array([stride, padding, dilation, groups]))
        ctx.save_for_backward(input, weight, options)
        ctx.is_biased = bias is not None
        return F.conv2d(input, weight, bias, stride, padding, dilation, groups)

    @staticmethod
    def backward(ctx: Any, dout: Tensor) -> Any:
        x, weight, options = ctx.saved_tensors
        kept = options.tolist()
        dx = conv2d_input(x.shape, weight, dout, *kept)
        dw = conv2d_weight(x, weight.shape, dout, *kept)
        return dx, dw, dout.sum((0, 2, 3)) if ctx.is_biased else None, None, None, None, None


class SquareImages(nn.Module):
    """It folds its columns into an image of as many columns as rows."""

    def __init__(self, input_channels: int, output_channels: int, kernel_size: int) -> None:
        super().__init__()
        sides = kernel_size, kernel_size
        self.weight = nn.Parameter(torch.rand(output_channels, input_channels, *sides))
        self.bias = nn.Parameter(torch.zeros(output_channels))

    def forward(self, x: Tensor) -> Tensor:
        size = self.weight.shape[2]
        columns = self.weight.flatten(1) @ F.unfold(x, size)
        return F.fold(columns, x.shape[2] - size + 1, 1) + self.bias[:, None, None]
