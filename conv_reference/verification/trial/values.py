"""A case's operands: exact by construction wherever that can be, and what they settle."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import Any

import torch
from torch import Tensor

from conv_reference.geometry import Geometry
from conv_reference.operands import (
    Operands,
    Role,
    can_be_exact,
    exact_magnitudes,
    exact_operands,
    largest_exact_integer,
    real_operands,
)
from conv_reference.verification.model.case import Case, Values
from conv_reference.verification.trial.layouts import collapse, lay_out

# The two operands in which each quantity is bilinear (db is linear in G alone).
_FACTORS: dict[str, tuple[Role, ...]] = {
    "Y": ("input", "weight"),
    "dX": ("weight", "grad_output"),
    "dK": ("input", "grad_output"),
    "db": ("grad_output",),
}


def case_operands(case: Case, seed: int) -> Operands:
    """The operands of a case, contiguous; they depend on nothing but the arguments.

    Args:
        case: its geometry, dtype, values and layouts (an expanded operand repeats itself).
        seed: of the run, at least 0.

    Raises:
        ValueError: when the geometry sums too many products to be exact in the dtype.
    """
    return _collapsed(_drawn(case, seed), case)


def _drawn(case: Case, seed: int) -> Operands:
    match case.values:
        case Values.ONES:
            return _filled(case, torch.ones)
        case Values.COUNTING:
            return _filled(case, _counting)
        case Values.SPARSE:
            return _sparse(case, _own_seed(case, seed))
        case Values.REAL:
            return _varied(case, _own_seed(case, seed))
        case _:
            own = _own_seed(case, seed)
            return exact_operands(case.geometry, case.dtype, seed=own, heavy=case.values.heavy)


def _own_seed(case: Case, seed: int) -> int:
    key = f"{seed} {case.geometry} {case.dtype} {case.values}".encode()
    return int.from_bytes(hashlib.blake2b(key, digest_size=8).digest()) >> 1


def _filled(case: Case, fill: Callable[[tuple[int, ...]], Tensor]) -> Operands:
    geometry, dtype = case.geometry, case.dtype
    return Operands(
        input=fill(geometry.input_shape).to(dtype),
        weight=fill(geometry.weight_shape).to(dtype),
        bias=fill((geometry.out_channels,)).to(dtype),
        grad_output=fill(geometry.output_shape).to(dtype),
    )


def _varied(case: Case, seed: int) -> Operands:
    """Real operands over seven powers of two: products stay below 2^12, in half, too."""
    generator = torch.Generator().manual_seed(seed)
    real = real_operands(case.geometry, case.dtype, seed=seed)

    def scaled(tensor: Tensor) -> Tensor:
        exponents = torch.randint(-3, 4, tensor.shape, generator=generator)
        return (tensor.to(torch.float64) * torch.exp2(exponents)).to(tensor.dtype)

    return Operands(
        input=scaled(real.input),
        weight=scaled(real.weight),
        bias=scaled(real.bias),
        grad_output=scaled(real.grad_output),
    )


_MOST_SPARSE = 100  # bfloat16 holds the integers up to 256


def _sparse(case: Case, seed: int) -> Operands:
    """±1, with so few of them in K's output channels and in G that no sum is longer than 101.

    An element of dX or dK meets each element of G at most once.
    """
    generator = torch.Generator().manual_seed(seed)
    geometry = case.geometry

    def signs(shape: tuple[int, ...]) -> Tensor:
        return torch.randint(0, 2, shape, generator=generator) * 2 - 1

    def thinned(rows: int, shape: tuple[int, ...]) -> Tensor:
        flat = signs((rows, math.prod(shape) // max(rows, 1)))
        keys = torch.rand(flat.shape, generator=generator)
        corners = keys.view(shape if rows == 1 else (rows, *shape[1:]))
        dims = range(0 if rows == 1 else 1, len(shape))
        if keys.numel():
            for ends in product((0, -1), repeat=len(dims)):
                index: tuple[Any, ...] = (..., *ends)
                corners[index] = -1  # first and last ones, at most 16: always there
        order = keys.argsort(dim=1).argsort(dim=1)
        return torch.where(order < _MOST_SPARSE, flat, 0).reshape(shape)

    return Operands(
        input=signs(geometry.input_shape).to(case.dtype),
        weight=thinned(geometry.out_channels, geometry.weight_shape).to(case.dtype),
        bias=signs((geometry.out_channels,)).to(case.dtype),
        grad_output=thinned(1, geometry.output_shape).to(case.dtype),
    )


def _counting(shape: tuple[int, ...]) -> Tensor:
    return torch.arange(1, math.prod(shape) + 1).reshape(shape)


def _collapsed(operands: Operands, case: Case) -> Operands:
    return replace(
        operands,
        input=collapse(operands.input, case.input_layout),
        weight=collapse(operands.weight, case.weight_layout),
        grad_output=collapse(operands.grad_output, case.grad_output_layout, whole=True),
    )


def arrange(operands: Operands, case: Case, device: torch.device) -> Operands:
    """What the implementation is given: whatever it does to it, the judge does not see."""
    on_device = operands.to(device)
    return Operands(
        input=lay_out(on_device.input, case.input_layout),
        weight=lay_out(on_device.weight, case.weight_layout),
        bias=on_device.bias.clone(),
        grad_output=lay_out(on_device.grad_output, case.grad_output_layout, whole=True),
    )


def is_exact(case: Case, operands: Operands) -> bool:
    """Whether every product and every partial sum of these operands is exact in the dtype."""
    if case.values == Values.REAL:
        return False
    if case.values == Values.SPARSE:
        return True
    if case.values in {Values.ONES, Values.COUNTING}:
        return _sums_stay_exact(case, operands)
    return can_be_exact(case.geometry, case.dtype)


def _sums_stay_exact(case: Case, operands: Operands) -> bool:
    """A bound without the oracle: the longest sum times the greatest product."""
    greatest = [
        float(t.abs().max()) if t.numel() else 0.0
        for t in (operands.input, operands.weight, operands.grad_output, operands.bias)
    ]
    X, K, G, b = greatest
    geometry = case.geometry
    (group_in, group_out), (kh, kw) = geometry.group_channels, geometry.kernel_size
    positions = geometry.batch * geometry.output_size[0] * geometry.output_size[1]
    sums = (group_in * kh * kw * X * K + b, group_out * kh * kw * G * K, positions * G * max(X, 1))
    return max(sums) <= largest_exact_integer(case.dtype)


_ENOUGH = 0.25  # trials of one case are repeated until its miss bound is no larger
_MOST_TRIALS = 5


def repetitions(case: Case) -> int:
    """How often the trial of a case is repeated: where a dtype holds few integers, up to 5.

    With q = 2 values for each element, as in bfloat16 where 256 products are summed, one
    trial lets a fault pass with probability up to 3/4.
    """
    if case.values != Values.BALANCED or not case.geometry.batch:
        return 1
    bound, trials = single_miss_bound(case.geometry, case.dtype, "Y"), 1
    while bound**trials > _ENOUGH and trials < _MOST_TRIALS:
        trials += 1
    return trials


def miss_bound(geometry: Geometry, dtype: torch.dtype, quantity: str) -> float:
    """The probability that a fault passes all balanced trials of one case, at most.

    Args:
        geometry: the sizes.
        dtype: floating.
        quantity: Y, dX, dK or db.
    """
    case = Case(check="certificate", geometry=geometry, dtype=dtype)
    return single_miss_bound(geometry, dtype, quantity) ** repetitions(case)


def single_miss_bound(geometry: Geometry, dtype: torch.dtype, quantity: str) -> float:
    """The probability that a fault in this quantity passes one balanced trial, at most.

    An element takes q = 2m values (-m to m without 0). If the implementation computes a
    bilinear map, so is its error, and a bilinear form that is not zero vanishes with
    probability at most 1 - (1 - 1/q)² (Schwartz and Zippel, for multilinear polynomials);
    db is linear: at most 1/q. The lopsided trials come on top and are not counted.

    Args:
        geometry: the sizes.
        dtype: floating.
        quantity: Y, dX, dK or db.
    """
    magnitudes = exact_magnitudes(geometry, dtype)
    caught = 1.0
    for role in _FACTORS[quantity]:
        caught *= 1 - 1 / (2 * getattr(magnitudes, role))
    return 1 - caught
