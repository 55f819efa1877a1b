"""Y and dX at one pixel, and dK at one tap, over all samples and channels: to find what is wrong.

Once a combination (``conv_reference.combination``) shows at which place a layer is wrong, all that
is there is computed from the definition, in float64, for as little as one pixel costs.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import torch
from jaxtyping import Float, Num
from torch import Tensor
from torch.nn.functional import pad

from conv_reference.geometry import Geometry

#: Applied to both operands, and the bias, before they are multiplied: ``torch.abs`` for the sum of
#: the absolute products behind an element.
Mapped = Callable[[Tensor], Tensor]


def _as_it_is(tensor: Tensor) -> Tensor:
    return tensor


def output_at(
    input: Num[Tensor, "n c h w"],
    weight: Num[Tensor, "o c_per_group kh kw"],
    bias: Num[Tensor, " o"] | None,
    geometry: Geometry,
    pixel: tuple[int, int],
    *,
    mapped: Mapped = _as_it_is,
) -> Float[Tensor, "n o"]:
    """Y[:, :, i, j].

    Args:
        input: X.
        weight: K.
        bias: b, or None.
        geometry: the sizes.
        pixel: (i, j), within the output.
        mapped: see ``Mapped``.
    """
    g = geometry
    _, group_out = g.group_channels
    X = mapped(_window(input, g, pixel).to(torch.float64)).reshape(g.batch, g.groups, -1)
    K = mapped(weight.to(torch.float64)).reshape(g.groups, group_out, -1)
    Y = torch.einsum("ngi,goi->ngo", X, K).reshape(g.batch, g.out_channels)
    return Y if bias is None else Y + mapped(bias.to(torch.float64))


def grad_input_at(
    grad_output: Num[Tensor, "n o oh ow"],
    weight: Num[Tensor, "o c_per_group kh kw"],
    geometry: Geometry,
    pixel: tuple[int, int],
    *,
    mapped: Mapped = _as_it_is,
) -> Float[Tensor, "n c"]:
    """dX[:, :, i, j]: each tap adds G where the pixel was read through it.

    Args:
        grad_output: G.
        weight: K.
        geometry: the sizes.
        pixel: (i, j), within the input.
        mapped: see ``Mapped``.
    """
    g = geometry
    group_in, group_out = g.group_channels
    total = grad_output.new_zeros((g.batch, g.groups, group_in), dtype=torch.float64)
    for tap in product(range(g.kernel_size[0]), range(g.kernel_size[1])):
        place = tuple(_seen_by(g, axis, pixel[axis], tap[axis]) for axis in (0, 1))
        if place[0] is None or place[1] is None:
            continue
        G = mapped(grad_output[:, :, place[0], place[1]].to(torch.float64))
        K = mapped(weight[:, :, tap[0], tap[1]].to(torch.float64))
        total += torch.einsum(
            "ngo,goc->ngc",
            G.reshape(g.batch, g.groups, group_out),
            K.reshape(g.groups, group_out, group_in),
        )
    return total.reshape(g.batch, g.in_channels)


def grad_weight_at(
    grad_output: Num[Tensor, "n o oh ow"],
    input: Num[Tensor, "n c h w"],
    geometry: Geometry,
    tap: tuple[int, int],
    *,
    mapped: Mapped = _as_it_is,
) -> Float[Tensor, "o c_per_group"]:
    """dK[:, :, a, b], a sum over all samples and positions.

    Args:
        grad_output: G.
        input: X.
        geometry: the sizes.
        tap: (a, b), within the kernel.
        mapped: see ``Mapped``.
    """
    g = geometry
    group_in, group_out = g.group_channels
    rows, columns = g.read_by(0, tap[0]), g.read_by(1, tap[1])
    _require_zeros(g)
    (top, bottom), (left, right) = g.padding
    total = grad_output.new_zeros((g.groups, group_out, group_in), dtype=torch.float64)
    for sample in range(g.batch):  # one at a time: memory stays bounded
        padded = pad(input[sample], (left, right, top, bottom))
        X = mapped(padded[:, rows, columns].to(torch.float64)).reshape(g.groups, group_in, -1)
        G = mapped(grad_output[sample].to(torch.float64)).reshape(g.groups, group_out, -1)
        total += G @ X.transpose(1, 2)
    return total.reshape(g.out_channels, group_in)


def _require_zeros(geometry: Geometry) -> None:
    if geometry.padding_mode != "zeros":
        raise ValueError(f"accepted is padding with zeros, got {geometry.padding_mode!r}")


def _window(input: Tensor, geometry: Geometry, pixel: tuple[int, int]) -> Tensor:
    """What one output reads, (N, C, kh, kw); zero where that is padding."""
    _require_zeros(geometry)
    window = input.new_zeros((*input.shape[:2], *geometry.kernel_size))
    ours, theirs = [], []
    for axis in (0, 1):
        d, k, size = geometry.dilation[axis], geometry.kernel_size[axis], input.shape[2 + axis]
        first = geometry.stride[axis] * pixel[axis] - geometry.padding[axis][0]
        inside = [tap for tap in range(k) if 0 <= first + d * tap < size]
        if not inside:
            return window
        low, high = inside[0], inside[-1]
        ours.append(slice(low, high + 1))
        theirs.append(slice(first + d * low, first + d * high + 1, d))
    window[:, :, ours[0], ours[1]] = input[:, :, theirs[0], theirs[1]]
    return window


def _seen_by(geometry: Geometry, axis: int, pixel: int, tap: int) -> int | None:
    """The output that reads this row of the input through this row of the kernel, if any does."""
    _require_zeros(geometry)
    shifted = pixel + geometry.padding[axis][0] - geometry.dilation[axis] * tap
    output, remainder = divmod(shifted, geometry.stride[axis])
    inside = remainder == 0 and 0 <= output < geometry.output_size[axis]
    return output if inside else None
