"""A layer whose kernel lies in a part of a part, as a class and as instances."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d


class Kernel(nn.Module):
    """Two parameters, and no more."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(shape))
        self.bias = nn.Parameter(torch.zeros(shape[0]))


class Strided(nn.Module):
    """It holds the options, and beside them its kernel."""

    def __init__(self, *shape: int, stride: int, padding: int) -> None:
        super().__init__()
        self.inner, self.stride, self.padding = Kernel(*shape), stride, padding

    def forward(self, x: Tensor) -> Tensor:
        inner = self.inner
        return conv2d(x, inner.weight, inner.bias, self.stride, self.padding)


class Layer(nn.Module):
    """It leaves all to its part."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        padding: int = 0,
    ) -> None:
        super().__init__()
        shape = out_channels, in_channels, kernel_size, kernel_size
        self.conv = Strided(*shape, stride=stride, padding=padding)

    def forward(self, x: Tensor) -> Any:
        return self.conv(x)


class Mirrored(Layer):
    """It hands its part another image."""

    def forward(self, x: Tensor) -> Any:
        return self.conv(x.flip(-1))


class Circular(nn.Module):
    """Its part pads with the other side of the image."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Sequential(nn.Conv2d(2, 3, 3, padding=1, padding_mode="circular"))

    def forward(self, x: Tensor) -> Any:
        return self.layer(x)


made = Layer(2, 3, 3, stride=2, padding=1)
mirrored = Mirrored(2, 3, 3, stride=2, padding=1)
circular = Circular()
