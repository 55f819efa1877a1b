"""A case's operands: exact by construction wherever that can be, and what they settle."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from itertools import product
from typing import Any

import torch
from torch import Tensor

from conv_reference.geometry import Geometry
from conv_reference.operands import (
    Operands,
    can_be_exact,
    exact_magnitudes,
    exact_operands,
    largest_exact_integer,
    real_operands,
)
from conv_reference.quantities import CONV2D, LETTERS, QUANTITIES, ROLES, Operator
from conv_reference.verification.model.case import CERTIFICATE, Case, Values
from conv_reference.verification.trial.layouts import collapse, lay_out


def case_operands(
    case: Case, seed: int, operator: Operator = CONV2D, device: torch.device | str = "cpu"
) -> Operands:
    """The operands of a case, contiguous; they depend on nothing but the arguments.

    Args:
        case: its geometry, dtype, values and layouts (an expanded operand repeats itself).
        seed: of the run, at least 0.
        operator: whose operands they are.
        device: where integers are drawn; each has numbers of its own.

    Raises:
        ValueError: when the geometry sums too many products to be exact in the dtype.
    """
    return _collapsed(_drawn(case, seed, operator, device), case)


def _drawn(case: Case, seed: int, operator: Operator, device: torch.device | str) -> Operands:
    match case.values:
        case Values.ONES:
            return _filled(case, torch.ones, operator)
        case Values.COUNTING:
            return _filled(case, _counting, operator)
        case Values.SPARSE:
            return _sparse(case, _own_seed(case, seed), operator, device)
        case Values.REAL:
            return _varied(case, _own_seed(case, seed), operator)
        case _:
            own = _own_seed(case, seed)
            return exact_operands(
                case.geometry,
                case.dtype,
                seed=own,
                heavy=case.values.heavy,
                operator=operator,
                device=device,
            )


def _own_seed(case: Case, seed: int) -> int:
    key = f"{seed} {case.geometry} {case.dtype} {case.values}".encode()
    return int.from_bytes(hashlib.blake2b(key, digest_size=8).digest()) >> 1


def _filled(case: Case, fill: Callable[[tuple[int, ...]], Tensor], operator: Operator) -> Operands:
    return Operands(
        **{role: fill(operator.shape(role, case.geometry)).to(case.dtype) for role in LETTERS}
    )


def _varied(case: Case, seed: int, operator: Operator) -> Operands:
    """Real operands over seven powers of two: products stay below 2^12, in half, too."""
    generator = torch.Generator().manual_seed(seed)
    real = real_operands(case.geometry, case.dtype, seed=seed, operator=operator)

    def scaled(tensor: Tensor) -> Tensor:
        exponents = torch.randint(-3, 4, tensor.shape, generator=generator)
        return (tensor.to(torch.float64) * torch.exp2(exponents)).to(tensor.dtype)

    return Operands(**{role: scaled(tensor) for role, tensor in real.by_role().items()})


_MOST_SPARSE = 100  # bfloat16 holds the integers up to 256
MOST_BIASES = 8  # of neighbouring channels, of which no two are equal


def _room(dtype: torch.dtype) -> tuple[int, int]:
    """How long a sum of ±1 may be in a dtype, and how large a bias beside it."""
    largest = largest_exact_integer(dtype)
    bias = max(min(MOST_BIASES, largest // 32), 1)
    return min(_MOST_SPARSE, largest - bias), bias


def told_apart(signs: Tensor, up_to: int) -> Tensor:
    """A bias of these signs whose neighbouring channels differ: 1, 2, ..., and so on again.

    Of ±1 two channels would often have the same, and one in place of the other would not show.

    Args:
        signs: ±1, one for each channel.
        up_to: the greatest absolute value.
    """
    return signs * (torch.arange(len(signs), device=signs.device) % up_to + 1)


def _sparse(case: Case, seed: int, operator: Operator, device: torch.device | str) -> Operands:
    """±1, with so few of them that no sum is longer than 100, and a bias of up to ±8.

    In the form ⟨G, conv(X, K)⟩ few are in each of K's output channels and in G: an element of dX
    or dK meets each element of G at most once. What db sums, has few as well.
    """
    generator = torch.Generator(device).manual_seed(seed)
    geometry = case.geometry
    most, biases = _room(case.dtype)

    def signs(shape: tuple[int, ...]) -> Tensor:
        return torch.randint(0, 2, shape, generator=generator, device=device) * 2 - 1

    def thinned(rows: int, shape: tuple[int, ...]) -> Tensor:
        flat = signs((rows, math.prod(shape) // max(rows, 1)))
        keys = torch.rand(flat.shape, generator=generator, device=device)
        corners = keys.view(shape if rows == 1 else (rows, *shape[1:]))
        dims = range(0 if rows == 1 else 1, len(shape))
        if keys.numel():
            for ends in product((0, -1), repeat=len(dims)):
                index: tuple[Any, ...] = (..., *ends)
                corners[index] = -1  # first and last ones, at most 16: always there
        few = keys.topk(min(most, keys.shape[1]), dim=1, largest=False).indices
        kept = torch.zeros_like(flat, dtype=torch.bool).scatter_(1, few, value=True)
        return torch.where(kept, flat, 0).reshape(shape)

    # The form's in this order, and the bias, so that a seed says the same of every operator.
    drawn: dict[str, Tensor] = {}
    own: dict[str, str] = {operator.place(role): role for role in ROLES}
    for place in ("input", "weight", "bias", "grad_output"):
        role = place if place == "bias" else own[place]
        shape = operator.shape(role, geometry)
        if place == "weight":
            tensor = thinned(geometry.out_channels, shape)
        elif place == "grad_output" or (role == "grad_output" and operator.has_bias):
            tensor = thinned(1, shape)
        else:
            tensor = told_apart(signs(shape), biases) if place == "bias" else signs(shape)
        drawn[role] = tensor.to(case.dtype)
    return Operands(**drawn)


def _counting(shape: tuple[int, ...]) -> Tensor:
    return torch.arange(1, math.prod(shape) + 1).reshape(shape)


def _collapsed(operands: Operands, case: Case) -> Operands:
    return replace(
        operands,
        **{
            role: collapse(getattr(operands, role), layout, whole=role == "grad_output")
            for role, layout in case.layouts.items()
        },
    )


def arrange(operands: Operands, case: Case, device: torch.device) -> Operands:
    """What the implementation is given: whatever it does to it, the judge does not see.

    Args:
        operands: the judge's own, on the CPU.
        case: with the layouts.
        device: where the implementation runs.

    Returns:
        Copies with the same numbers, laid out in memory as the case says.
    """
    on_device = operands.to(device)
    return Operands(
        bias=on_device.bias.clone(),
        **{
            role: lay_out(getattr(on_device, role), layout, whole=role == "grad_output")
            for role, layout in case.layouts.items()
        },
    )


def is_exact(case: Case, operands: Operands, operator: Operator = CONV2D) -> bool:
    """Whether every product and every partial sum of these operands is exact in the dtype.

    Args:
        case: with the geometry, the dtype, and the kind of values.
        operands: which are looked at where the kind alone does not say it.
        operator: whose sums they are.
    """
    if case.values == Values.REAL:
        return False
    if case.values == Values.SPARSE:
        return True
    if case.values in {Values.ONES, Values.COUNTING}:
        return _sums_stay_exact(case, operands, operator)
    return can_be_exact(case.geometry, case.dtype, operator)


def _sums_stay_exact(case: Case, operands: Operands, operator: Operator) -> bool:
    """A bound without the oracle: the longest sum times the greatest product."""
    greatest = {
        role: float(t.to(torch.float64).abs().max()) if t.numel() else 0.0
        for role, t in operands.by_role().items()
    }
    sums = [
        operator.products(name, case.geometry)
        * math.prod(greatest[role] for role in quantity.factors)
        + (greatest["bias"] if name == "Y" else 0.0)
        for name, quantity in QUANTITIES.items()
        if name != "db" or operator.has_bias
    ]
    return max(sums) <= largest_exact_integer(case.dtype)


_ENOUGH = 0.25  # trials of one case are repeated until its miss bound is no larger
_MOST_TRIALS = 5


def repetitions(case: Case, operator: Operator = CONV2D) -> int:
    """How often the trial of a case is repeated: where a dtype holds few integers, up to 5.

    With q = 2 values for each element, as in bfloat16 where 256 products are summed, one
    trial lets a fault pass with probability up to 3/4.
    """
    if case.values != Values.BALANCED or not case.geometry.batch:
        return 1
    bound, trials = single_miss_bound(case.geometry, case.dtype, "Y", operator), 1
    while bound**trials > _ENOUGH and trials < _MOST_TRIALS:
        trials += 1
    return trials


def miss_bound(
    geometry: Geometry, dtype: torch.dtype, quantity: str, operator: Operator = CONV2D
) -> float:
    """The probability that a fault passes all balanced trials of one case, at most.

    Args:
        geometry: the sizes.
        dtype: floating.
        quantity: Y, dX, dK or db.
        operator: whose quantity it is.
    """
    case = Case(check=CERTIFICATE, geometry=geometry, dtype=dtype)
    return single_miss_bound(geometry, dtype, quantity, operator) ** repetitions(case, operator)


# Large cases are judged by random combinations first; see `trial/combined.py`.
# The greatest absolute value of a combination's weight. Those of one operand let one fault in 2·32
# pass at most. Twice as great they would let half of those, and leave a quarter of the sums exact,
# which are 2^19 now, samples times channels (`_SUMS`): the oracle judges layers of more.
WEIGHTS_UP_TO = 32
_LEAST_PRODUCTS = 3_000_000  # of a forward pass, from which on an equation is cheaper
_SUMS = 2**53 // (2**24 * WEIGHTS_UP_TO**2)  # that add up exactly with their weights


@lru_cache(maxsize=2**14)
def is_combined(geometry: Geometry, dtype: torch.dtype) -> bool:
    """Whether a case of these sizes is judged by combinations, and by the oracle where they fail.

    In float64 it is not: its sums fill the 53 bits that the equations are computed in.

    Args:
        geometry: the sizes.
        dtype: floating.
    """
    g = geometry
    products = g.batch * math.prod((*g.output_size, *g.weight_shape))
    n, c, o = g.batch, g.in_channels, g.out_channels
    return (
        dtype != torch.float64 and products >= _LEAST_PRODUCTS and max(n * c, n * o, c * o) <= _SUMS
    )


def single_miss_bound(
    geometry: Geometry, dtype: torch.dtype, quantity: str, operator: Operator = CONV2D
) -> float:
    """The probability that a fault in this quantity passes one balanced trial, at most.

    An element takes q = 2m values (-m to m without 0). If the implementation computes a
    bilinear map, so is its error, and a bilinear form that is not zero vanishes with
    probability at most 1 - (1 - 1/q)² (Schwartz and Zippel, for multilinear polynomials);
    db is linear: at most 1/q. The lopsided trials come on top and are not counted. A
    combination's weights are drawn as the elements are, and its misses come on top of theirs.

    Args:
        geometry: the sizes.
        dtype: floating.
        quantity: Y, dX, dK or db.
        operator: whose quantity it is.
    """
    magnitudes = exact_magnitudes(geometry, dtype, operator=operator)
    caught = 1.0
    for role in QUANTITIES[quantity].factors:
        caught *= 1 - 1 / (2 * getattr(magnitudes, role))
        if is_combined(geometry, dtype):
            caught *= 1 - 1 / (2 * WEIGHTS_UP_TO)
    return 1 - caught
