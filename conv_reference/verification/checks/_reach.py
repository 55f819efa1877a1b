"""Which elements of a quantity one element of an operand takes part in.

The definition settles it, but is silent about zeros that are not in it: padding, and the gaps that
a stride leaves when a gradient is computed as a convolution.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from conv_reference.geometry import Geometry
from conv_reference.operands import Operands
from conv_reference.quantities import QUANTITIES, ROLES
from conv_reference.verification.model.digits import digits
from conv_reference.verification.model.judgement import Judgement
from conv_reference.verification.trial.judge import whole
from conv_reference.verification.trial.trial import Trial


@dataclass(frozen=True)
class Reach:
    """Where one element of an operand is multiplied, in the shape of a quantity."""

    sure: Tensor  # the definition multiplies it into these elements
    open: Tensor  # an implementation may, with a zero that is not in the definition
    sign: Tensor  # of the one product that it has in an element: -1, 1; or 0, where there is none

    def reshape(self, shape: torch.Size) -> Reach:
        """In the target's own shape."""
        return Reach(*(t.reshape(shape) for t in (self.sure, self.open, self.sign)))


def reach_of(trial: Trial, quantity: str, role: str, marks: Tensor, harmless: Operands) -> Reach:
    """The oracle over zeros and ones, and over signs: which elements have a product with the mark.

    An element of a quantity has at most one product with one element of an operand.
    """
    operator, geometry = trial.target.operator, trial.case.geometry
    if role == "bias":
        return _of_bias(trial, quantity, marks)

    def touched(other: dict[str, Tensor]) -> Tensor:
        if role not in QUANTITIES[quantity].factors:
            return torch.zeros(1, dtype=torch.float64)  # does not depend on it
        return operator.first(quantity, {**other, role: marks}, geometry)

    named = harmless.by_role()
    signs: dict[str, Tensor] = {name: named[name].sign().to(torch.float64) for name in ROLES}
    sure = touched({name: sign.new_ones(sign.shape) for name, sign in signs.items()}) != 0
    possible = sure.clone()
    marked = [int(i) for i in marks.nonzero()[0]]
    possible[_open(operator.face(quantity), operator.place(role), marked, geometry)] = True
    return Reach(sure, possible, touched(signs))


def _of_bias(trial: Trial, quantity: str, marks: Tensor) -> Reach:
    """An element of the bias is added to every element of its channel of Y, and to nothing else."""
    shape = trial.target.operator.shape("grad_output", trial.case.geometry)
    sign = marks[:, None, None].expand(shape) if quantity == "Y" else marks.new_zeros(1)
    return Reach(sign != 0, sign != 0, sign)


def _open(quantity: str, role: str, marked: list[int], geometry: Geometry) -> Any:
    """Where zeros outside the definition may meet the marked element: in its own channels.

    Quantity and role are those of the form.
    """
    group_in, group_out = geometry.group_channels
    match quantity, role:
        case "Y", "weight":  # padding
            return slice(None), marked[0]
        case "dX", "weight":  # gaps in G between strides, and around it
            return slice(None), marked[0] // group_out * group_in + marked[1]
        case "dK", "input":  # gaps in G between strides
            group = marked[1] // group_in
            return slice(group * group_out, (group + 1) * group_out), marked[1] % group_in
        case "dK", "grad_output":  # padding
            return marked[1]
        case _:
            return slice(0, 0)


def first_missed(
    row: str, quantity: str, actual: Tensor, missed: Tensor, should_be: str, why: str
) -> Judgement:
    """The first element that is a number where it should be none.

    Args:
        row: of the check.
        quantity: whose element it is.
        actual: what the target answered.
        missed: which elements should be something else; at least one.
        should_be: "nan", or "not finite".
        why: the words before the element.
    """
    index = tuple(int(i) for i in missed.nonzero()[0])
    shown = digits(float(actual[index]))
    should = "should be nan" if should_be == "nan" else "should not be finite"
    explanation = f"{why} {quantity}{list(index)}: {should}, is {shown}"
    wrong = whole(row, quantity, should_be, shown, explanation, of_numbers=True)
    return replace(wrong, index=index)
