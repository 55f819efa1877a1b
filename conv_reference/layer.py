"""The reference layers: the chapter's, and one that stands in for ``torch.nn.Conv2d``.

Neither has a backward pass of its own: autograd derives it from the forward pass.
"""

from __future__ import annotations

import math
from typing import Any, Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import pad

from conv_reference import functional
from conv_reference.geometry import Geometry, Pair, resolve_padding

Init = Literal["unit", "scaled"]


class ConvLayer_1(nn.Module):  # noqa: N801 (the chapter's own name)
    """The chapter's layer: one kernel over images with a single colour channel.

    The forward pass is the definition: for each output position (i, j) the kernel is
    broadcast over the batch and multiplied with the sub-image, and summed over height and
    width. No size of the input or output is fixed, so one layer serves images of any size.

    Args:
        kernel_size: (kh, kw), each at least 1.
        init: how the kernel is drawn: ``"unit"`` is the chapter's U[0, 1], ``"scaled"`` is
            its exercise 2, U[-1/√K, 1/√K] with K = kh·kw elements.

    Raises:
        ValueError: when a size is below 1 or ``init`` is unknown.
        TypeError: when ``kernel_size`` is not a pair of integers.

    >>> layer = ConvLayer_1((1, 2))
    >>> _ = layer.kernel.data.copy_(torch.tensor([[10.0, 1.0]]))
    >>> layer(torch.tensor([[[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]])).tolist()
    [[[1.0, 12.0], [34.0, 45.0]]]
    """

    def __init__(self, kernel_size: Pair, *, init: Init | str = "unit") -> None:
        super().__init__()
        # A geometry just large enough validates the kernel's size, in the usual words.
        Geometry(input_size=kernel_size, kernel_size=kernel_size)
        if init not in get_args(Init):
            raise ValueError(f"init must be one of {get_args(Init)}, got {init!r}")
        self.kernel = nn.Parameter(torch.rand(*kernel_size))
        if init == "scaled":
            bound = 1 / math.sqrt(self.kernel.numel())
            nn.init.uniform_(self.kernel, -bound, bound)

    def forward(self, input: Float[Tensor, "n h w"]) -> Float[Tensor, "n oh ow"]:
        """Y, one position at a time.

        Args:
            input: X, (N, H, W), at least as high and wide as the kernel.

        Raises:
            ValueError: when the input has other dimensions or the kernel does not fit into it.
        """
        (kh, kw), (height, width) = self.kernel.shape, _output_size(self.kernel, input)
        output = input.new_empty(len(input), height, width)
        for i in range(height):
            for j in range(width):
                sub_image = input[:, i : i + kh, j : j + kw]
                output[:, i, j] = (self.kernel * sub_image).sum(dim=(1, 2))
        return output

    def extra_repr(self) -> str:
        """What ``print(layer)`` shows between the brackets."""
        return f"kernel_size={tuple(self.kernel.shape)}"


class FastConvLayer_1(ConvLayer_1):  # noqa: N801 (named beside the chapter's)
    """``ConvLayer_1`` with all positions at once: the same kernel, fast enough to train."""

    def forward(self, input: Float[Tensor, "n h w"]) -> Float[Tensor, "n oh ow"]:
        """Y, all positions at once: the taps' shifted images, weighted by the kernel and summed.

        Args:
            input: X, (N, H, W), at least as high and wide as the kernel.

        Raises:
            ValueError: when the input has other dimensions or the kernel does not fit into it.
        """
        (kh, kw), (height, width) = self.kernel.shape, _output_size(self.kernel, input)
        taps = [input[:, a : a + height, b : b + width] for a in range(kh) for b in range(kw)]
        # The taps come first, so that each is copied in whole rows: twice as fast as last.
        output: Tensor = torch.tensordot(self.kernel.flatten(), torch.stack(taps), dims=1)
        return output


def _output_size(kernel: Tensor, input: Tensor) -> Pair:
    if input.dim() != 3:
        raise ValueError(
            f"input must have three dimensions (n h w), got shape {tuple(input.shape)}"
        )
    _, height, width = input.shape
    kh, kw = kernel.shape
    return Geometry(input_size=(height, width), kernel_size=(kh, kw)).output_size


class Conv2d(nn.Conv2d):
    """``torch.nn.Conv2d`` computed by ``functional.conv2d``.

    Only what surrounds the computation is torch's: the constructor's arguments, the
    parameters' names and initialisation. A ``state_dict`` moves both ways.
    """

    def forward(self, input: Float[Tensor, "*n c h w"]) -> Float[Tensor, "*n o oh ow"]:
        """Y.

        Args:
            input: X, (N, C, H, W) or (C, H, W).

        Raises:
            ValueError: when the input does not fit the layer.
            TypeError: when its dtype is not the kernel's.
        """
        padding: Any = self.padding
        if self.padding_mode != "zeros":
            input, padding = pad(input, self._border(), mode=self.padding_mode), 0
        return functional.conv2d(
            input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups
        )

    def _border(self) -> list[int]:
        """The padding in the order of ``torch.nn.functional.pad``."""
        options: Any = (self.padding, self.kernel_size, self.stride, self.dilation)
        (top, bottom), (left, right) = resolve_padding(*options)
        return [left, right, top, bottom]
