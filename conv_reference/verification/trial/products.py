"""Single products: sums of one term each, over reals, which a direct algorithm rounds correctly.

Long sums hide how they are rounded. One product does not: rounding to nearest errs by half a
unit in the last place at most, and as often up as down; chopping errs towards zero, by half a
unit on average; work in fewer bits errs by more.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import sqrt

import torch
from torch import Tensor

from conv_reference.operands import Operands
from conv_reference.quantities import QUANTITIES, Quantity
from conv_reference.verification.trial.observation import observe
from conv_reference.verification.trial.trial import Trial

# Errors are measured in float64, which holds the products of the others exactly.
MEASURABLE = frozenset({torch.float32, torch.float16, torch.bfloat16})
_FEWEST = 40  # products, for a mean
_DEVIATIONS = 5.0
_LEAST = 0.1  # units in the last place: a tie that is always rounded up has a mean, too
_LEAST_OF_FEW = 0.3  # the same where few numbers are times many: rounding has a mean of its own
_SPREAD = 0.29  # of errors that are anywhere within half a unit, 1/√12
_MOST = 4.0  # units in the last place: to scale by something and back costs as much


@dataclass(frozen=True)
class Flaw:
    """How single products of one quantity err."""

    quantity: str
    said: str


def flaws(trial: Trial) -> Iterator[Flaw]:
    """Of Y, dX and dK, those whose single products are chopped, or keep fewer bits.

    Args:
        trial: over real operands, in a dtype of ``MEASURABLE``. A transform has no single
            products: its flaws mean nothing.
    """
    plain = trial.writable()
    for quantity in QUANTITIES.values():
        asked = quantity.leaf in trial.case.requires_grad  # Y, which has no leaf, always is
        if not asked or not quantity.other:
            continue
        operands = _thinned(plain, quantity)
        value = observe(plain.call(operands)).get(quantity.name)
        wanted = plain.expect(operands, only=(quantity.name,))[quantity.name].value
        if type(value) is not Tensor or value.shape != wanted.shape:
            continue
        single = _products(plain, quantity, operands).reshape(wanted.shape) == 1
        numbers = value.detach().to("cpu", torch.float64)[single]
        distinct = min(_distinct(getattr(operands, role)) for role in quantity.factors)
        said = _said(numbers, wanted[single], trial.case.dtype, distinct)
        if said:
            yield Flaw(quantity.name, said)


def _distinct(operand: Tensor) -> int:
    return len(operand[operand != 0].unique())


def _said(value: Tensor, wanted: Tensor, dtype: torch.dtype, distinct: int) -> str:
    """What is wrong with the errors; empty where nothing is.

    Args:
        value: the single products, as they came.
        wanted: the same, exact.
        dtype: in which they are rounded.
        distinct: how many numbers the factor has that has the fewest. Errors of one number times
            many have a mean of their own, which depends on how those are spread.
    """
    info = torch.finfo(dtype)
    usable = (wanted.abs() > 4 * info.tiny) & (wanted.abs() < info.max / 4)
    value, wanted = value[usable], wanted[usable]
    if not len(wanted):
        return ""
    unit = torch.exp2(torch.frexp(wanted).exponent.to(torch.float64) - 1) * info.eps
    errors = (value - wanted) * wanted.sign() / unit  # in units in the last place, away from zero
    greatest = float(errors.abs().max())
    if not greatest <= _MOST:  # a NaN neither
        return f"a single product is {greatest:.3g} units in the last place off"
    count, mean = len(errors), float(errors.mean())
    deviation = max(float(errors.std(correction=0)), _SPREAD) / sqrt(count)
    least = _LEAST if distinct >= _FEWEST else _LEAST_OF_FEW
    if count < _FEWEST or abs(mean) < max(least, _DEVIATIONS * deviation):
        return ""
    way = "towards zero" if mean < 0 else "away from zero"
    return (
        f"single products err {way}, by {abs(mean):.2f} units in the last place in the mean of "
        f"{count}, {abs(mean) / deviation:.0f} deviations: not rounded to nearest"
    )


def _thinned(trial: Trial, quantity: Quantity) -> Operands:
    """The operands with one number alone in each channel of one factor: most sums are short."""
    given, (role,) = trial.operands, quantity.other
    tensor = getattr(given, role)
    channels = tensor if role == "weight" else tensor.transpose(0, 1)
    thin = _one_in_each_row(channels)
    kept = thin if role == "weight" else thin.transpose(0, 1).contiguous()
    return replace(given, bias=torch.zeros_like(given.bias), **{role: kept})


def _products(trial: Trial, quantity: Quantity, operands: Operands) -> Tensor:
    """How many products that are not zero each element adds up."""
    there: dict[str, Tensor] = {
        role: (getattr(operands, role) != 0).to(torch.float64) for role in quantity.factors
    }
    return trial.target.operator.first(quantity.name, there, trial.case.geometry)


def _one_in_each_row(tensor: Tensor) -> Tensor:
    rows = tensor.flatten(1)
    if not rows.numel():
        return tensor
    generator = torch.Generator().manual_seed(rows.numel())
    chosen = torch.randint(rows.shape[1], (len(rows), 1), generator=generator)
    kept = torch.zeros_like(rows).scatter(1, chosen, rows.gather(1, chosen))
    return kept.reshape(tensor.shape)
