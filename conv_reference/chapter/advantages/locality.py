"""Locality: which pixels move one output."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from conv_reference.chapter.filters import make_filter


@dataclass(frozen=True)
class Support:
    """The support of one row of the Jacobian."""

    layers: int  # convolutions in a row
    output: tuple[int, int]  # the position that was asked about
    pixels: Bool[Tensor, "h w"]  # those that move it

    @property
    def count(self) -> int:
        """How many they are."""
        return int(self.pixels.sum())

    @property
    def height(self) -> int:
        """The rows that they span."""
        return int(self.pixels.any(dim=1).sum())


def support(kernel: Float[Tensor, "kh kw"], side: int, layers: int) -> Support:
    """The pixels of a side×side image whose gradient for the middle output is not zero.

    Args:
        kernel: of positive elements, so that nothing cancels.
        side: of the image, large enough for the layers.
        layers: how many times the filter is applied, at least 1.
    """
    apply = make_filter("chapter", kernel, learns=False)
    image = torch.ones(1, side, side, dtype=kernel.dtype, requires_grad=True)
    output: Tensor = image
    for _ in range(layers):
        output = apply(output)
    row, column = output.shape[1] // 2, output.shape[2] // 2
    (gradient,) = torch.autograd.grad(output[0, row, column], image)
    return Support(layers, (row, column), gradient[0] != 0)
