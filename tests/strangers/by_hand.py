"""Functions over tensors with a backward pass by hand, in the manner of a course on vision."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F


class Conv:
    """Both passes need no object; what the one keeps for the other is its second result."""

    @staticmethod
    def forward(x: Tensor, w: Tensor, b: Tensor, conv_param: dict[str, int]) -> tuple[Tensor, Any]:
        stride, pad = conv_param["stride"], conv_param["pad"]
        windows = _windows(x, w, stride, pad)
        out = torch.einsum("nchwij,ocij->nohw", windows, w) + b[:, None, None]
        return out, (x, w, b, conv_param)

    @staticmethod
    def backward(dout: Tensor, cache: Any) -> tuple[Tensor, Tensor, Tensor]:
        x, w, _, conv_param = cache
        stride, pad = conv_param["stride"], conv_param["pad"]
        dw = torch.einsum("nohw,nchwij->ocij", dout, _windows(x, w, stride, pad))
        padded = torch.zeros_like(F.pad(x, (pad,) * 4))
        (kh, kw), (rows, columns) = w.shape[2:], dout.shape[2:]
        for i in range(rows):
            for j in range(columns):
                here = padded[:, :, i * stride : i * stride + kh, j * stride : j * stride + kw]
                here += torch.einsum("no,ocij->ncij", dout[:, :, i, j], w)
        inner = padded[:, :, pad : pad + x.shape[2], pad : pad + x.shape[3]]
        return inner, dw, dout.sum((0, 2, 3))


def _windows(x: Tensor, w: Tensor, stride: int, pad: int) -> Tensor:
    kh, kw = w.shape[2:]
    return F.pad(x, (pad,) * 4).unfold(2, kh, stride).unfold(3, kw, stride)


class UpsideDown:
    """The same, its dW upside down, which a graph of torch's would not be."""

    @staticmethod
    def forward(x: Tensor, w: Tensor, b: Tensor, conv_param: dict[str, int]) -> tuple[Tensor, Any]:
        return Conv.forward(x, w, b, conv_param)

    @staticmethod
    def backward(dout: Tensor, cache: Any) -> tuple[Tensor, Tensor, Tensor]:
        dx, dw, db = Conv.backward(dout, cache)
        return dx, dw.flip(2), db


class Sandwich:
    """Both passes are those of a layer of torch's, which is the cache."""

    @staticmethod
    def forward(x: Tensor, w: Tensor, b: Tensor, conv_param: dict[str, int]) -> tuple[Tensor, Any]:
        x, w, b = (part.detach().requires_grad_() for part in (x, w, b))
        out = F.conv2d(x, w, b, stride=conv_param["stride"], padding=conv_param["pad"])
        return out, ((x, w, b), out)

    @staticmethod
    def backward(dout: Tensor, cache: Any) -> tuple[Tensor, ...]:
        parts, out = cache
        dx, dw, db = torch.autograd.grad(out, parts, dout, retain_graph=True)
        return dx, dw, db
