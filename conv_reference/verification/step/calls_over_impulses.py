"""A call repeated over impulses: each sum at one place has at most one product.

Beside a long sum a lost thousandth looks like the rounding of a transform, which may err by its
growth of the greatest sum of absolute products. Over impulses that sum is one product.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from conv_reference.geometry import Geometry
from conv_reference.operands import Operands, largest_exact_integer
from conv_reference.verification.step.again import Again
from conv_reference.verification.step.dispatched import Answer, Face
from conv_reference.verification.step.dispatched_arguments import with_operands
from conv_reference.verification.step.places import Place, inspect


def over_impulses(
    again: Again, answer: Answer, place: tuple[int, ...], seed: int
) -> tuple[Answer, Place] | None:
    """What a call answers at one place where its sums are single products.

    Args:
        again: the call.
        answer: the one that is computed once more.
        place: a pixel or tap of it; () of a bias.
        seed: of the numbers.

    Returns:
        The answer and its element that is off the most, where that is wrong; None where all are
        right there, or no product is.
    """
    call = again.call
    generator = torch.Generator().manual_seed(seed)
    operands = impulses(call.geometry, answer.face, place, call.weight.dtype, generator)
    if operands is None:
        return None
    asked = replace(again, arguments=with_operands(call, again.arguments, operands)).dispatched()
    found = next(one for one in asked.answers if one.name == answer.name)
    seen = inspect(found, place)
    return (found, seen) if seen.is_outside else None


def impulses(
    geometry: Geometry,
    face: Face,
    place: tuple[int, ...],
    dtype: torch.dtype,
    generator: torch.Generator,
) -> Operands | None:
    """One operand of single ones, the others of integers without zero; the bias is zero.

    Args:
        geometry: of the form.
        face: the answer in which each element at the place is one product, or none.
        place: a pixel or tap; () of a bias.
        dtype: which holds the integers; it is that of the operands.
        generator: of the numbers.

    Returns:
        None where no product belongs to the place, as of a tap that reads padding alone, or of an
        empty batch.
    """
    g = geometry
    if not g.batch:
        return None
    held = largest_exact_integer(dtype) // 2
    X, K, G = (
        _integers(shape, held, generator).to(dtype)
        for shape in (g.input_shape, g.weight_shape, g.output_shape)
    )
    X_is_single = face in {Face.OUTPUT, Face.INPUT_BIAS}
    pixel = _pixel(g, face, place, generator)
    if pixel is None:
        return None
    single = torch.zeros_like(X if X_is_single else G)
    for sample, channel in _where(g, face, generator):
        single[sample, channel, pixel[0], pixel[1]] = 1
    bias = torch.zeros(g.out_channels, dtype=dtype)
    if X_is_single:
        return Operands(input=single, weight=K, bias=bias, grad_output=G)
    return Operands(input=X, weight=K, bias=bias, grad_output=single)


def _integers(shape: tuple[int, ...], largest: int, generator: torch.Generator) -> Tensor:
    """From -largest to largest, without 0."""
    sign = torch.randint(0, 2, shape, generator=generator) * 2 - 1
    return torch.randint(1, largest + 1, shape, generator=generator) * sign


def _where(geometry: Geometry, face: Face, generator: torch.Generator) -> list[tuple[int, int]]:
    """The samples and channels of the ones: each output sees one of them."""
    n, groups = geometry.batch, geometry.groups
    group_in, group_out = geometry.group_channels
    if face in {Face.WEIGHT, Face.BIAS, Face.INPUT_BIAS}:  # which sum over the batch
        channels = geometry.in_channels if face == Face.INPUT_BIAS else geometry.out_channels
        samples = torch.randint(0, n, (channels,), generator=generator).tolist()
        return [*zip(samples, range(channels), strict=True)]
    each = group_in if face == Face.OUTPUT else group_out
    within = torch.randint(0, each, (n, groups), generator=generator).tolist()
    return [
        (sample, group * each + within[sample][group])
        for sample in range(n)
        for group in range(groups)
    ]


def _pixel(
    geometry: Geometry, face: Face, place: tuple[int, ...], generator: torch.Generator
) -> tuple[int, int] | None:
    """Where the ones lie, so that each makes a product at the place."""
    found: list[int] = []
    for axis in range(2):
        reads = _reads(geometry, axis)
        if face == Face.OUTPUT:
            fitting = [at for output, _, at in reads if output == place[axis]]
        elif face == Face.INPUT:
            fitting = [output for output, _, at in reads if at == place[axis]]
        elif face == Face.WEIGHT:
            fitting = [output for output, tap, _ in reads if tap == place[axis]]
        else:
            sizes = geometry.output_size if face == Face.BIAS else geometry.input_size
            fitting = [*range(sizes[axis])]
        if not fitting:
            return None
        found.append(fitting[int(torch.randint(0, len(fitting), (), generator=generator))])
    return found[0], found[1]


def _reads(geometry: Geometry, axis: int) -> list[tuple[int, int, int]]:
    """Which output reads which pixel by which tap, along one axis: none reads padding."""
    g = geometry
    stride, dilation, before = g.stride[axis], g.dilation[axis], g.padding[axis][0]
    return [
        (output, tap, at)
        for output in range(g.output_size[axis])
        for tap in range(g.kernel_size[axis])
        if 0 <= (at := output * stride + tap * dilation - before) < g.input_size[axis]
    ]
