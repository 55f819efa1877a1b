"""A defect of torch's convolution as another operator meets it.

The registry speaks of Y, dX, dK and the operands of a convolution. What another operator hands
back is one of these, too (see ``quantities``): the output of conv_transpose2d is a dX, computed by
the same code, and its gradients are a Y and a dK. So an entry is written once, and read here for
each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from conv_reference.quantities import FIRST_ORDER, ROLES, Operator
from conv_reference.verification.known.known import Defect
from conv_reference.verification.model.case import Layout

# The rows that show which operand is not finite.
ROW_OF: dict[str, str] = dict(
    zip(ROLES, ("nonfinite_input", "nonfinite_kernel", "nonfinite_upstream"), strict=True)
)
_ROLE_OF = {row: role for role, row in ROW_OF.items()}


def as_met_by(defect: Defect, operator: Operator) -> Defect:
    """The defect in an operator's own quantities, rows and layouts.

    Of another operator than the convolution itself it is known where it shows, and not expected
    to show: the cases that show it were seen of conv2d.

    Args:
        defect: as the registry has it.
        operator: whose. Sizes are those of the convolution for each.
    """
    if operator.is_convolution:
        return defect
    own: dict[str, str] = {operator.place(role): role for role in ROLES}
    return replace(
        defect,
        quantities=tuple(q for q in FIRST_ORDER if operator.face(q) in defect.quantities),
        checks=tuple(ROW_OF[own[_ROLE_OF[c]]] if c in _ROLE_OF else c for c in defect.checks),
        layouts=tuple(dict.fromkeys(_layouts(defect.layouts, operator, own))),
        shows=(),
    )


def _layouts(layouts: Iterable[str], operator: Operator, own: Mapping[str, str]) -> Iterator[str]:
    """Torch asks its arguments, by their place, whether their channels come last.

    What lies around an operand is that operand's, wherever it is passed.
    """
    for entry in layouts:
        role, _, name = entry.partition("=")
        by_place = Layout.CHANNELS_LAST in name and not operator.is_sized
        yield f"{role if by_place else own[role]}={name}"
