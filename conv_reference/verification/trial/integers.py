"""Small integers, for answers that add up several terms, each bilinear in two tensors.

A derivative of a convolution is again a sum of convolutions and their adjoints: the product
rule. Drawn as here, such a sum is exact in the dtype in any order, too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import isqrt
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from conv_reference.operands import Operands, largest_exact_integer
from conv_reference.quantities import QUANTITIES
from conv_reference.verification.model.case import Values
from conv_reference.verification.trial.judge import Expected, can_transform
from conv_reference.verification.trial.layouts import collapse
from conv_reference.verification.trial.trial import (
    Trial,
    greatest_product,
)
from conv_reference.verification.trial.values import MOST_BIASES, told_apart

_DIGIT = 9


@dataclass(frozen=True)
class Integers:
    """Draws tensors for one trial: integers without a zero, contiguous, on the CPU."""

    trial: Trial
    magnitude: int  # the greatest absolute value of an element
    generator: torch.Generator
    biases: int = 0  # up to which those of neighbouring channels differ; 0: they are drawn, too

    @classmethod
    def of(
        cls,
        trial: Trial,
        *,
        terms: int,
        dtype: torch.dtype | None = None,
        quantity: str | None = None,
    ) -> Integers | None:
        """Integers so small that this many bilinear terms add up exactly; None without room.

        Args:
            trial: its geometry and dtype, and the seed.
            terms: that one element of an answer adds up, each with a sum of its own.
            dtype: to be exact in, in place of the case's.
            quantity: Y, dX, dK or db, which alone is to be exact; None: each of them.
        """
        largest = largest_exact_integer(dtype or trial.case.dtype)
        operator, geometry = trial.target.operator, trial.case.geometry
        longest = operator.terms(quantity, geometry) if quantity else operator.longest_sum(geometry)
        magnitude = isqrt(largest // (terms * longest))
        if trial.case.values in {Values.ONES, Values.COUNTING}:
            magnitude = min(magnitude, _DIGIT)  # a case made simple: numbers that can be followed
        biases = 0
        if trial.case.values == Values.SPARSE:
            magnitude = min(magnitude, 1)
            biases = min(MOST_BIASES, largest // terms - longest + 1)  # itself one of those terms
        if magnitude < 1:
            return None
        key = f"{trial.seed} {trial.case}".encode()
        seed = int.from_bytes(hashlib.blake2b(key, digest_size=8).digest()) >> 1
        return cls(trial, magnitude, torch.Generator().manual_seed(seed), biases)

    def draw(self, shape: tuple[int, ...]) -> Tensor:
        """A tensor of this shape and the case's dtype."""
        size = torch.randint(1, self.magnitude + 1, shape, generator=self.generator)
        sign = torch.randint(0, 2, shape, generator=self.generator) * 2 - 1
        return (size * sign).to(self.trial.case.dtype)

    def like(self, role: str) -> Tensor:
        """A tensor like an operand, by its role."""
        return self.draw(self.trial.target.operator.shape(role, self.trial.case.geometry))

    def operands(self) -> Operands:
        """X, K, b and G; one that the case expands repeats itself."""
        case = self.trial.case
        return Operands(
            input=collapse(self.like("input"), case.input_layout),
            weight=collapse(self.like("weight"), case.weight_layout),
            bias=self._bias(),
            grad_output=collapse(self.like("grad_output"), case.grad_output_layout, whole=True),
        )

    def _bias(self) -> Tensor:
        drawn = self.like("bias")
        if not self.biases:
            return drawn
        return told_apart(drawn.to(torch.int64), self.biases).to(drawn.dtype)


def answer(
    trial: Trial,
    like: str,
    value: Callable[..., Tensor],
    *tensors: Tensor | None,
    lead: tuple[int, ...] = (),
    trail: tuple[int, ...] = (),
) -> Expected:
    """The oracle's answer: a sum of products of the tensors, in float64.

    Args:
        trial: what it is expected in.
        like: Y, dX, dK or db: the shape and the number of terms.
        value: what to compute of the tensors. It adds and multiplies only, so that over
            absolute values it is the sum of the absolute products.
        *tensors: its arguments, in any dtype.
        lead: dimensions before those of the quantity.
        trail: and after them.
    """
    given = [None if t is None else t.detach().to("cpu", torch.float64) for t in tensors]
    shape = (*lead, *trial.shapes[like], *trail)
    return Expected(
        value=value(*given).reshape(shape),
        scale=partial(_scale, value, given, shape),
        terms=2 * trial.target.operator.terms(like, trial.case.geometry),
        dtype=trial.case.dtype,
        device=trial.device,
        product=lambda: greatest_product(t for t in given if t is not None),
        transform=can_transform(trial.case.geometry, trial.case.dtype),
    )


def _scale(
    value: Callable[..., Tensor], given: Sequence[Tensor | None], shape: tuple[int, ...]
) -> Tensor:
    """The sum of the absolute products behind each element."""
    return value(*(None if t is None else t.abs() for t in given)).reshape(shape)


def at(trial: Trial, quantity: str, **operands: Tensor | None) -> Expected:
    """Y, dX, dK or db of other operands, by their roles; one that is None is not there."""
    given = {role: tensor for role, tensor in operands.items() if tensor is not None}

    def value(*tensors: Tensor) -> Tensor:
        named = dict(zip(given, tensors, strict=True))
        return trial.target.operator.first(quantity, named, trial.case.geometry)

    return answer(trial, quantity, value, *given.values())


def along(
    trial: Trial, quantity: str, operands: Operands, directions: Mapping[str, Tensor | None]
) -> Expected:
    """The derivative of Y, dX, dK or db along directions: a tangent, or a second order's.

    Args:
        trial: what it is expected in.
        quantity: its name.
        operands: at which.
        directions: by the operand's role; None, or one that is not there, stands still.
    """
    named, linear = operands.by_role(), QUANTITIES[quantity].factors
    read = {role: named[role] for role in linear}
    adds = (*linear, "bias") if quantity == "Y" else linear
    moving = {role: directions[role] for role in adds if directions.get(role) is not None}

    def value(*tensors: Tensor) -> Tensor:
        values: dict[str, Tensor] = dict(zip(read, tensors, strict=False))
        moved = dict(zip(moving, tensors[len(read) :], strict=True))
        return trial.target.operator.second(quantity, values, moved, trial.case.geometry)

    return answer(trial, quantity, value, *read.values(), *moving.values())


# The letters of directions, and of the upstream gradients of a second order.
DIRECTIONS: Mapping[str, str] = MappingProxyType({"input": "V", "weight": "W", "bias": "v"})


def addends(
    trial: Trial, quantity: str, operands: Operands, directions: Mapping[str, Tensor | None]
) -> dict[str, Tensor]:
    """The terms of ``along``, by their formulas: of Y they are Y(V, K), Y(X, W) and v.

    Args:
        trial: whose operator and geometry it is.
        quantity: Y, dX, dK or db.
        operands: at which it is differentiated.
        directions: one for each role, of that operand's shape; None for none.
    """
    formulas = {
        role: letter if role == "bias" else QUANTITIES[quantity].formula({role: letter})
        for role, letter in DIRECTIONS.items()
        if directions.get(role) is not None
        and (role in QUANTITIES[quantity].factors or (role, quantity) == ("bias", "Y"))
    }
    return {
        formula: along(trial, quantity, operands, {role: directions[role]}).value
        for role, formula in formulas.items()
    }


def own(trial: Trial, like: str, tensor: Tensor | None) -> Any:
    """What the target is handed of a tensor: a copy, in its own shape, on its device.

    Args:
        trial: whose target it is.
        like: the quantity whose shape the target gives it: dX for an X.
        tensor: in the shape of the geometry; None stays None.
    """
    if tensor is None:
        return None
    return tensor.reshape(trial.shapes[like]).to(trial.device, copy=True)
