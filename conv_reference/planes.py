"""What is left of a layer once its channels are combined: large planes, and few of them.

In float64, without patches: they would be many times as large as the planes.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache
from itertools import product

import torch
from torch import Tensor
from torch.nn.functional import pad

from conv_reference import functional
from conv_reference.geometry import Geometry

FEW = 2**13  # numbers, up to which it is the calls that cost, and no reading
_MOST_PLANES = 2**25  # numbers in float64: 256 MiB
_MOSTLY_ZEROS = 8  # times as many numbers as outputs: of a kernel as large as its image


@lru_cache(maxsize=2**10)
def of_one(geometry: Geometry, batch: int, *, inputs: int = 1, outputs: int = 1) -> Geometry:
    """The same with other channels, in one group."""
    return replace(geometry, batch=batch, in_channels=inputs, out_channels=outputs, groups=1)


def is_channels_last(tensor: Tensor) -> bool:
    """Whether it is in channels_last order, and not contiguous as well."""
    last = torch.channels_last
    return not tensor.is_contiguous() and tensor.is_contiguous(memory_format=last)


def output_of_one(input: Tensor, weight: Tensor, geometry: Geometry) -> Tensor:
    """One channel of output, (H', W'), of an image (C, H, W) and a kernel (C, kh, kw).

    Each tap's sum over the channels is a plane of the image; the planes, shifted by their taps,
    are added. So no patches are made, where they would be many.
    """
    kh, kw = geometry.kernel_size
    c, h, w = input.shape
    padded_planes = kh * kw * math.prod(geometry.padded_size)
    products = weight.numel() * math.prod(geometry.output_size)
    if padded_planes > _MOST_PLANES >= products or products <= FEW:
        return functional.output(input[None], weight[None], of_one(geometry, 1, inputs=c))[0, 0]
    if padded_planes > _MOST_PLANES:
        return _tap_by_tap(input, weight, geometry)
    planes = weight.reshape(c, kh * kw).T @ input.reshape(c, h * w)
    padded = functional.bordered(planes.reshape(kh, kw, h, w), geometry)
    total = input.new_zeros(geometry.output_size)
    for a, b in product(range(kh), range(kw)):
        total += padded[a, b, geometry.read_by(0, a), geometry.read_by(1, b)]
    return total


def taps_of(grad_output: Tensor, input: Tensor, geometry: Geometry) -> Tensor:
    """Σ over all planes of dK of one channel, (kh, kw); of G (n, groups, H', W') and X (…, H, W).

    In memory a tap is a distance. G is put into planes as wide as those that a stride reads of X,
    and each tap is the product of two vectors, one of which begins that much later. No patches are
    made, and images lie as they lay.
    """
    alone = of_one(geometry, grad_output.shape[0] * grad_output.shape[1])
    (sh, sw), (dh, dw), (oh, ow) = alone.stride, alone.dilation, alone.output_size
    rows, columns = (-(-size // s) for size, s in zip(alone.padded_size, alone.stride, strict=True))
    if input.numel() <= FEW or rows * columns > _MOSTLY_ZEROS * oh * ow:
        own = grad_output.reshape(alone.output_shape), input.reshape(alone.input_shape)
        return functional.grad_weight(*own, alone)[0, 0]
    last = is_channels_last(input)
    unit = input.shape[1] if last else 1  # numbers between a pixel and its neighbour
    padded = functional.bordered(input, alone)
    below, right = (rows * sh - alone.padded_size[0], columns * sw - alone.padded_size[1])
    if below or right:
        padded = pad(padded, (0, right, 0, below))
    G = _flat(pad(grad_output, (0, columns - ow, 0, rows - oh)), last=last)
    read: dict[tuple[int, int], Tensor] = {}  # what each of a stride's phases reads
    taps = []
    for a, b in product(range(alone.kernel_size[0]), range(alone.kernel_size[1])):
        (down, i), (across, j) = divmod(dh * a, sh), divmod(dw * b, sw)
        if (i, j) not in read:
            read[i, j] = _flat(padded[..., i::sh, j::sw], last=last)
        distance = (down * columns + across) * unit
        taps.append(G[: len(G) - distance] @ read[i, j][distance:])
    return torch.stack(taps).reshape(alone.kernel_size)


def _flat(tensor: Tensor, *, last: bool) -> Tensor:
    """All numbers in the order of memory: channels as the last or before the rows."""
    return (tensor.permute(0, 2, 3, 1) if last else tensor).reshape(-1)


def _tap_by_tap(input: Tensor, weight: Tensor, geometry: Geometry) -> Tensor:
    """The same where planes would not fit into memory: of a kernel as wide as a long image."""
    kh, kw = geometry.kernel_size
    padded = functional.bordered(input[None], geometry)[0]
    total = input.new_zeros(geometry.output_size)
    for a, b in product(range(kh), range(kw)):
        read = padded[:, geometry.read_by(0, a), geometry.read_by(1, b)]
        total += torch.tensordot(weight.reshape(-1, kh, kw)[:, a, b], read, 1)
    return total
