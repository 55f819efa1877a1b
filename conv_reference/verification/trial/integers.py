"""Small integers, for answers that add up several terms, each bilinear in two tensors.

A derivative of a convolution is again a sum of convolutions and their adjoints: the product
rule. Drawn as here, such a sum is exact in the dtype in any order, too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import isqrt
from typing import Any

import torch
from torch import Tensor

from conv_reference import functional
from conv_reference.geometry import Geometry
from conv_reference.operands import Operands, largest_exact_integer
from conv_reference.verification.model.case import Values
from conv_reference.verification.trial.judge import Expected, can_transform
from conv_reference.verification.trial.layouts import collapse
from conv_reference.verification.trial.trial import (
    Trial,
    greatest_product,
    own_shapes,
    term_counts,
)

_DIGIT = 9


@dataclass(frozen=True)
class Integers:
    """Draws tensors for one trial: integers without a zero, contiguous, on the CPU."""

    trial: Trial
    magnitude: int  # the greatest absolute value of an element
    generator: torch.Generator

    @classmethod
    def of(cls, trial: Trial, *, terms: int, dtype: torch.dtype | None = None) -> Integers | None:
        """Integers so small that this many bilinear terms add up exactly; None without room.

        Args:
            trial: its geometry and dtype, and the seed.
            terms: that one element of an answer adds up, each with a sum of its own.
            dtype: to be exact in, in place of the case's.
        """
        largest = largest_exact_integer(dtype or trial.case.dtype)
        longest = max(term_counts(trial.case.geometry).values())
        magnitude = isqrt(largest // (terms * longest))
        if trial.case.values in {Values.ONES, Values.COUNTING}:
            magnitude = min(magnitude, _DIGIT)  # a case made simple: numbers that can be followed
        if trial.case.values == Values.SPARSE:
            magnitude = min(magnitude, 1)
        if magnitude < 1:
            return None
        key = f"{trial.seed} {trial.case}".encode()
        seed = int.from_bytes(hashlib.blake2b(key, digest_size=8).digest()) >> 1
        return cls(trial, magnitude, torch.Generator().manual_seed(seed))

    def draw(self, shape: tuple[int, ...]) -> Tensor:
        """A tensor of this shape and the case's dtype."""
        size = torch.randint(1, self.magnitude + 1, shape, generator=self.generator)
        sign = torch.randint(0, 2, shape, generator=self.generator) * 2 - 1
        return (size * sign).to(self.trial.case.dtype)

    def input(self) -> Tensor:
        """A tensor like X."""
        return self.draw(self.trial.case.geometry.input_shape)

    def weight(self) -> Tensor:
        """A tensor like K."""
        return self.draw(self.trial.case.geometry.weight_shape)

    def bias(self) -> Tensor:
        """A tensor like b."""
        return self.draw((self.trial.case.geometry.out_channels,))

    def grad_output(self) -> Tensor:
        """A tensor like G, and like Y."""
        return self.draw(self.trial.case.geometry.output_shape)

    def operands(self) -> Operands:
        """X, K, b and G; one that the case expands repeats itself."""
        case = self.trial.case
        return Operands(
            input=collapse(self.input(), case.input_layout),
            weight=collapse(self.weight(), case.weight_layout),
            bias=self.bias(),
            grad_output=collapse(self.grad_output(), case.grad_output_layout, whole=True),
        )


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
    shape = (*lead, *own_shapes(trial.target, trial.case.geometry)[like], *trail)
    return Expected(
        value=value(*given).reshape(shape),
        scale=partial(_scale, value, given, shape),
        terms=2 * term_counts(trial.case.geometry)[like],
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


@dataclass(frozen=True)
class Oracle:
    """Y and its adjoints on one geometry; an argument that is None is a zero tensor."""

    geometry: Geometry

    def output(self, X: Tensor | None, K: Tensor | None, b: Tensor | None = None) -> Tensor:
        """Y, with the bias if there is one."""
        Y = torch.zeros(self.geometry.output_shape, dtype=torch.float64)
        if X is not None and K is not None:
            Y = functional.output(X, K, self.geometry)
        return Y if b is None else Y + b[:, None, None]

    def grad_input(self, G: Tensor | None, K: Tensor | None) -> Tensor:
        """The adjoint of Y in X."""
        if G is None or K is None:
            return torch.zeros(self.geometry.input_shape, dtype=torch.float64)
        return functional.grad_input(G, K, self.geometry)

    def grad_weight(self, G: Tensor | None, X: Tensor | None) -> Tensor:
        """The adjoint of Y in K."""
        if G is None or X is None:
            return torch.zeros(self.geometry.weight_shape, dtype=torch.float64)
        return functional.grad_weight(G, X, self.geometry)

    def tangent(
        self,
        X: Tensor,
        K: Tensor,
        V: Tensor | None,
        W: Tensor | None,
        v: Tensor | None,
    ) -> Tensor:
        """The product rule: Y(V, K) + Y(X, W) + v."""
        return self.output(V, K) + self.output(X, W, v)


def own(trial: Trial, like: str, tensor: Tensor | None) -> Any:
    """What the target is handed of a tensor: a copy, in its own shape, on its device."""
    if tensor is None:
        return None
    return tensor.reshape(own_shapes(trial.target, trial.case.geometry)[like]).to(
        trial.device, copy=True
    )
