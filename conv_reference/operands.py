"""Operands of one convolution: X, K, b and G, integer-valued and exact by construction.

When the sum of the absolute products stays at or below the largest integer up to which a
dtype holds every integer (2^24 in float32), each product and each partial sum is exact in
any order of summation, so a correct direct algorithm has one possible answer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache, partial
from math import isqrt

import torch
from jaxtyping import Num
from torch import Tensor

from conv_reference.geometry import Geometry, Role
from conv_reference.quantities import CONV2D, Operator

__all__ = [
    "Magnitudes",
    "Operands",
    "Role",
    "can_be_exact",
    "exact_magnitudes",
    "exact_operands",
    "largest_exact_integer",
    "real_operands",
]

_IN_ORDER = ("input", "weight", "bias", "grad_output")  # in which they are drawn
_FEW = 2**12  # numbers, up to which it is the calls that cost


@dataclass(frozen=True)
class Operands:
    """What one forward and backward pass reads; the operator says how the shapes hang together."""

    input: Num[Tensor, "_ _ _ _"]  # X
    weight: Num[Tensor, "_ _ _ _"]  # K
    bias: Num[Tensor, " _"]  # b
    grad_output: Num[Tensor, "_ _ _ _"]  # G

    def by_role(self, dtype: torch.dtype | None = None) -> dict[str, Tensor]:
        """Each operand by its role, in another dtype where one is given."""
        named = {
            "input": self.input,
            "weight": self.weight,
            "bias": self.bias,
            "grad_output": self.grad_output,
        }
        return named if dtype is None else {role: t.to(dtype) for role, t in named.items()}

    def to(self, device: torch.device) -> Operands:
        """The same operands on another device."""
        if device == self.input.device:
            return self
        return Operands(
            input=self.input.to(device),
            weight=self.weight.to(device),
            bias=self.bias.to(device),
            grad_output=self.grad_output.to(device),
        )


@dataclass(frozen=True)
class Magnitudes:
    """The greatest absolute value of each operand's elements; at least 1."""

    input: int
    weight: int
    grad_output: int


def largest_exact_integer(dtype: torch.dtype) -> int:
    """The integer up to which the dtype holds every integer: 2^24 in float32.

    >>> [largest_exact_integer(d) for d in (torch.float16, torch.bfloat16, torch.int8)]
    [2048, 256, 127]

    Args:
        dtype: floating or integer.
    """
    if dtype.is_floating_point:
        return round(2 / torch.finfo(dtype).eps)
    return torch.iinfo(dtype).max


@lru_cache(maxsize=2**14)  # asked for again and again of one geometry
def exact_magnitudes(
    geometry: Geometry,
    dtype: torch.dtype,
    *,
    heavy: Role | None = None,
    operator: Operator = CONV2D,
) -> Magnitudes:
    """How large integers may be so that Y, dX, dK and db are exact in any order.

    Args:
        geometry: the sizes; they say how many products each sum has.
        dtype: floating or integer.
        heavy: the operand that carries as many bits as fit while the others stay small, so
            that a silent downcast of it shows; None shares the range evenly.
        operator: whose operands they are.

    Raises:
        ValueError: when even ones would sum past the dtype's exact integers.
    """
    largest = largest_exact_integer(dtype)
    longest = operator.longest_sum(geometry)
    room = largest // longest
    if room < 1:
        raise ValueError(
            f"no integers are exact in {dtype} for {geometry}: "
            f"a sum of {longest} products, at most {largest} accepted"
        )
    even = isqrt(room)
    if heavy is None:
        return Magnitudes(even, even, even)
    # Five sixths of the dtype's own bits where there is room, 20 in float32: far more than
    # the dtype below it holds, so that hardly an element survives a downcast unchanged.
    heavy_bits = (largest.bit_length() - 1) * 5 // 6
    light = max(1, min(even, room >> heavy_bits))
    sizes: dict[Role, int] = {"input": light, "weight": light, "grad_output": light}
    return Magnitudes(**{**sizes, heavy: room // light})


def can_be_exact(geometry: Geometry, dtype: torch.dtype, operator: Operator = CONV2D) -> bool:
    """Whether there are integers for which Y and its gradients are exact in the dtype.

    Args:
        geometry: the sizes.
        dtype: floating or integer.
        operator: whose Y and gradients.
    """
    return operator.longest_sum(geometry) <= largest_exact_integer(dtype)


def exact_operands(
    geometry: Geometry,
    dtype: torch.dtype,
    *,
    seed: int,
    heavy: Role | None = None,
    operator: Operator = CONV2D,
    device: torch.device | str = "cpu",
) -> Operands:
    """Integer-valued operands without a zero, uniform up to ``exact_magnitudes``.

    Args:
        geometry: the sizes.
        dtype: floating or integer.
        seed: of the generator; at least 0.
        heavy: see ``exact_magnitudes``.
        operator: whose operands they are.
        device: where they are drawn; each has numbers of its own.

    Raises:
        ValueError: when even ones would sum past the dtype's exact integers.
    """
    magnitudes = exact_magnitudes(geometry, dtype, heavy=heavy, operator=operator)
    generator = torch.Generator(device).manual_seed(seed)
    draw = partial(_integers, generator, dtype)
    shapes = [operator.shape(role, geometry) for role in _IN_ORDER]
    # One more term of the longest sum: the bias is no larger than one product.
    sizes = (magnitudes.input, magnitudes.weight, magnitudes.input, magnitudes.grad_output)
    counts = [math.prod(shape) for shape in shapes]
    if heavy is None and sum(counts) <= _FEW:  # the same numbers, cut from one drawing
        parts = draw((sum(counts),), magnitudes.input).split(counts)
        return Operands(*(part.view(shape) for part, shape in zip(parts, shapes, strict=True)))
    return Operands(*map(draw, shapes, sizes))


def real_operands(
    geometry: Geometry, dtype: torch.dtype, *, seed: int, operator: Operator = CONV2D
) -> Operands:
    """Operands drawn from the standard normal distribution.

    Args:
        geometry: the sizes.
        dtype: floating.
        seed: of the generator; at least 0.
        operator: whose operands they are.
    """
    generator = torch.Generator().manual_seed(seed)
    draw = partial(_reals, generator, dtype)
    return Operands(
        input=draw(operator.shape("input", geometry)),
        weight=draw(operator.shape("weight", geometry)),
        bias=draw(operator.shape("bias", geometry)),
        grad_output=draw(operator.shape("grad_output", geometry)),
    )


_BLOCK = 2**20  # numbers that are drawn at a time


# Not within those that draw: in our tests jaxtyping compiles a function each time it is defined.
def _integers(
    generator: torch.Generator, dtype: torch.dtype, shape: tuple[int, ...], magnitude: int
) -> Tensor:
    """Uniform up to a magnitude, without zero."""
    total = math.prod(shape)
    if total <= _BLOCK:
        return _block(generator, shape, magnitude).to(dtype)
    drawn = torch.empty(total, dtype=dtype, device=generator.device)
    for part in drawn.split(_BLOCK):  # the same numbers, which are twice as wide where they come
        part.copy_(_block(generator, part.shape, magnitude))
    return drawn.view(shape)


def _block(generator: torch.Generator, shape: tuple[int, ...], magnitude: int) -> Tensor:
    device = generator.device
    below_or_above = torch.randint(-magnitude, magnitude, shape, generator=generator, device=device)
    return below_or_above.add_(below_or_above >= 0)


def _reals(generator: torch.Generator, dtype: torch.dtype, shape: tuple[int, ...]) -> Tensor:
    return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)
