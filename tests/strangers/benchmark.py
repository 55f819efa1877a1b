"""A file of a kernel benchmark: the model, one that is to be faster, and its inputs."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Model(nn.Module):
    def __init__(self, in_channels: int, out_channels: int, kernel_size: int) -> None:
        super().__init__()
        self.conv2d = nn.Conv2d(in_channels, out_channels, kernel_size, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv2d(x)
        return out


class ModelNew(nn.Module):
    """Its kernel is a matrix product; where that is not for it, torch computes."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int) -> None:
        super().__init__()
        self.conv2d = nn.Conv2d(in_channels, out_channels, kernel_size, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        weight, bias = self.conv2d.weight, self.conv2d.bias
        assert bias is not None
        columns = F.unfold(x, weight.shape[2:], padding=1, stride=2)
        height = (x.shape[2] + 2 - weight.shape[2]) // 2 + 1
        out: Tensor = (weight.flatten(1) @ columns + bias[:, None]).unflatten(2, (height, -1))
        return out


class Fallback(Model):
    """Says that it has a kernel, and has none here."""


def get_inputs() -> list[Any]:
    return [torch.rand(4, 3, 20, 24)]


def get_init_inputs() -> list[Any]:
    return [3, 8, 3]
