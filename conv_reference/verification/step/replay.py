"""A dispatched call, repeated over integers: there a direct algorithm has one answer.

Same operator, geometry, strides, dtype and device; the operands are the judge's. The equations then
hold to the bit, or show where they do not.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from conv_reference.combination import Combination, draw_weights
from conv_reference.geometry import Geometry
from conv_reference.operands import Operands, can_be_exact, exact_magnitudes
from conv_reference.quantities import QUANTITIES
from conv_reference.verification.model.case import CERTIFICATE, Case, Values
from conv_reference.verification.step.again import Again
from conv_reference.verification.step.calls_over_impulses import over_impulses
from conv_reference.verification.step.dispatched import Answer, Dispatched, Face
from conv_reference.verification.step.dispatched_arguments import with_operands
from conv_reference.verification.step.equations import equations
from conv_reference.verification.step.places import OUTLYING, SPARED, Place, extent, inspect
from conv_reference.verification.trial.values import case_operands

# The greatest absolute value of a weight of a combination. A side of a product lets one fault in
# 2·8 pass at most; greater weights let fewer, but in float64 each bit of theirs is one that the
# integers of both operands have less, for the equations to stay exact (see `_less`).
_WEIGHTS_UP_TO = 8


@dataclass(frozen=True)
class Replayed:
    """What one answer was over integers."""

    answer: Answer
    is_exact: bool
    place: Place | None = None  # where it is not exact, the element that is off the most
    over: str = "integers"  # or impulses, of which each sum has one product
    extent: str = ""  # where else it is off, in words
    # Where it is exact, the probability that an error was missed, at most; None of sparse integers.
    miss_bound: float | None = None


def replay(again: Again, seed: int, *, allowed_bits: int | None = None) -> list[Replayed]:
    """The answers of a call over integers.

    Args:
        again: the call, with ``over_integers``.
        seed: of the combination's weights.
        allowed_bits: the precision that is allowed in place of the dtype's.
    """
    call = again.dispatched()
    weights = draw_weights(
        call.geometry, seed=seed, magnitude=_WEIGHTS_UP_TO, device=call.input.device
    )
    held = _held(call, Combination(call.geometry, weights), allowed_bits)
    if allowed_bits is not None:
        return [*held]
    return [_over_impulses(again, found, seed) for found in held]


def key(call: Dispatched, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """What is the same for calls of which one replay speaks for all."""
    tensors = [a for a in arguments if isinstance(a, Tensor)]
    mask = arguments[-1] if call.backward else None
    layouts = [(tuple(t.shape), t.stride(), t.dtype, t.device) for t in tensors]
    return call.backward, call.transposed, call.geometry, tuple(layouts), str(mask)


def _held(
    call: Dispatched, combination: Combination, allowed_bits: int | None
) -> Iterator[Replayed]:
    for answer, equation in equations(combination, call.answers):
        if equation.holds:
            yield Replayed(answer, is_exact=True, miss_bound=miss_bound(answer))
            continue
        off = equation.residual.abs().nan_to_num(nan=torch.inf)
        flat = int(off.argmax())
        place = () if off.dim() == 0 else divmod(flat, off.shape[1])
        found = inspect(answer, place, allowed_bits=allowed_bits)
        places = int(off.count_nonzero())
        if allowed_bits is None and _spares_most(found, answer.value.dtype):
            found = replace(found, is_outside=True)
        where = extent(answer, found, places=places, of=off.numel())
        yield Replayed(answer, is_exact=False, place=found, extent=where)


def _over_impulses(again: Again, found: Replayed, seed: int) -> Replayed:
    """The same, or where it looks like rounding and is none, what shows that."""
    if found.place is None or found.place.is_outside:
        return found
    index = found.place.index
    wrong = over_impulses(again, found.answer, index[2:], seed)
    if wrong is None:
        return found
    answer, place = wrong
    return Replayed(answer, False, place, "impulses", extent(answer, place))


def _spares_most(place: Place, dtype: torch.dtype) -> bool:
    """Whether an element errs by far more than a rounding, where most others are exact.

    A transform mixes what is near in its rounding errors: one that errs so much spares few.
    """
    usual = -math.log2(torch.finfo(dtype).eps / 2)
    return place.spared >= SPARED and place.bits < usual - math.log2(OUTLYING)


def miss_bound(answer: Answer) -> float | None:
    """The probability that an answer with an error passes over integers, at most.

    If what ran is a multilinear map, so is its error. With integers from -m to m without 0 one
    that is not zero shows with probability at least 1 - 1/(2m) for each operand, and in the
    combination with at least 1 - 1/(2m) for each of its weights (Schwartz and Zippel).

    Args:
        answer: that is exact.

    Returns:
        None where nothing is summed, or the dtype holds too few integers to draw them so.
    """
    geometry, dtype = answer.form.geometry, answer.value.dtype
    if not geometry.batch or not can_be_exact(geometry, dtype):
        return None
    bias_of_transposed = answer.face == Face.INPUT_BIAS
    roles = ("input",) if bias_of_transposed else QUANTITIES[answer.face].factors
    magnitudes = exact_magnitudes(geometry, dtype)
    less = _less(geometry) if dtype == torch.float64 else 1.0
    caught = (1 - 1 / (2 * _WEIGHTS_UP_TO)) ** len(roles)  # the sides of a product
    for role in roles:
        caught *= 1 - 1 / (2 * max(1.0, getattr(magnitudes, role) / less))
    return 1 - caught


def over_integers(call: Dispatched, arguments: tuple[Any, ...], seed: int) -> tuple[Any, ...]:
    """The same arguments with integers in their tensors.

    Args:
        call: that was dispatched.
        arguments: that it was called with; of its tensors the strides count.
        seed: of the integers.
    """
    dtype = call.weight.dtype
    values = Values.BALANCED if can_be_exact(call.geometry, dtype) else Values.SPARSE
    case = Case(check=CERTIFICATE, geometry=call.geometry, dtype=dtype, values=values)
    drawn = case_operands(case, seed, device=call.weight.device)
    if dtype == torch.float64:
        drawn = _with_room(drawn, call.geometry)
    return with_operands(call, arguments, drawn)


def _with_room(drawn: Operands, geometry: Geometry) -> Operands:
    """Integers so much smaller that the equations, which are in float64, are exact, too.

    Of other dtypes the sums end long before float64 rounds; its own fill all of its bits.
    """
    less = _less(geometry)

    def smaller(tensor: Tensor) -> Tensor:
        return tensor.sign() * (tensor.abs() / less).ceil()

    return Operands(**{role: smaller(tensor) for role, tensor in drawn.by_role().items()})


def _less(geometry: Geometry) -> float:
    n, c, o = geometry.batch, geometry.in_channels, geometry.out_channels
    bits = (_WEIGHTS_UP_TO**2 * max(n * c, n * o, c * o)).bit_length()
    return 2.0 ** math.ceil(bits / 2)
