"""Which layouts of its operands a target refuses on purpose: what is not contiguous, say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch

from conv_reference.geometry import Geometry
from conv_reference.operands import Role
from conv_reference.quantities import CONV2D, LETTERS
from conv_reference.verification.model.case import Case, Layout
from conv_reference.verification.plan.possible import as_possible
from conv_reference.verification.running.learning import Answered, Asking, Refused
from conv_reference.verification.trial.layouts import lay_out

_OPERANDS: tuple[Role, ...] = ("input", "weight", "grad_output")
_PROBE = Layout.SLICED  # contiguous in no order of dimensions


@dataclass(frozen=True)
class RefusedLayouts:
    """Layouts of one operand that a target refuses."""

    role: Role
    layouts: frozenset[Layout]
    about: str  # "X not contiguous"
    said: str  # the target's message
    at: frozenset[str]  # of those that its backward pass refuses: the lines that raise


def learned_layouts(asking: Asking, plain: Case) -> Iterator[RefusedLayouts]:
    """What the target refuses an operand in, of each operand of which it refuses any.

    Args:
        asking: puts small cases to it.
        plain: one that it answers, contiguous; without a backward pass.
    """
    for role in _OPERANDS:
        if role == "grad_output":
            plain = replace(plain, requires_grad=asking.target.handed("XK"))
            if not (plain.requires_grad and _is_answered(asking, plain)):
                return
        probe = _laid_out(asking, plain, role, _PROBE)
        asking.ask([probe])
        if not isinstance(asking.came.get(probe), Refused):
            continue
        cases = {layout: _laid_out(asking, plain, role, layout) for layout in Layout}
        cases = {layout: case for layout, case in cases.items() if case.layouts[role] == layout}
        asking.ask(cases.values())
        answers = {layout: asking.came.get(case) for layout, case in cases.items()}
        refused = {own: answer for own, answer in answers.items() if isinstance(answer, Refused)}
        about = f"{LETTERS[role]} {_named(role, plain.geometry, set(answers), set(refused))}"
        at = frozenset(answer.at for answer in refused.values() if answer.at)
        yield RefusedLayouts(role, frozenset(refused), about, refused[_PROBE].said, at)


def _is_answered(asking: Asking, case: Case) -> bool:
    asking.ask([case])
    return isinstance(asking.came.get(case), Answered)


def _laid_out(asking: Asking, plain: Case, role: Role, layout: Layout) -> Case:
    return as_possible(asking.target, plain.laid_out({role: layout}))


def _named(role: Role, geometry: Geometry, asked: set[Layout], refused: set[Layout]) -> str:
    """What the refused layouts have in common, and the others have not."""
    operand = torch.zeros(CONV2D.shape(role, geometry))
    laid = {layout: lay_out(operand, layout) for layout in asked}
    dense = {own for own, tensor in laid.items() if tensor.is_contiguous()}
    last = {
        own
        for own, tensor in laid.items()
        if tensor.is_contiguous(memory_format=torch.channels_last)
    }
    if refused == asked - dense:
        return "not contiguous"
    if refused == asked - dense - last:
        return "neither contiguous nor channels_last"
    return f"as {', '.join(own for own in Layout if own in refused)}"
