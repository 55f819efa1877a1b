"""What a formula claims to be: an output, a gradient or a Jacobian, and what that is in truth."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from sympy import S

from analytic.calculus.answers.counting import grid
from analytic.calculus.answers.nodes import Answer, Letter
from analytic.calculus.answers.scanning import AnswerError
from analytic.calculus.gradients import Gradients
from analytic.calculus.notation import Expr, Index, Tensor

#: One full index, or that of Y's element and that of the element by which it is differentiated.
Place: TypeAlias = tuple[Index, ...]


@dataclass(frozen=True)
class Target:
    """The left side of a formula."""

    of: Tensor | None  # Y where it is differentiated, else None: the cost
    by: Tensor  # by what; or Y itself
    is_derivative: bool
    value: Callable[[Place], Expr]

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """Those whose indices a place has, in their order."""
        return (self.by,) if self.of is None else (self.of, self.by)


def target(answer: Answer, g: Gradients) -> Target:
    """What the left side of a formula names.

    Raises:
        AnswerError: It names nothing that is derived.
    """
    of, by = answer.of, answer.by
    if by is None:
        found = _outputs_and_gradients(g).get(of.name)
    elif of.name == f"d{g.names.output}":
        found = _jacobians(g).get(by.name)
    else:
        found = None
    if found is None:
        written = of.name if by is None else f"{of.name}/{by.name}"
        accepted = [*_outputs_and_gradients(g), *(f"d{g.Y.name}/{n}" for n in _jacobians(g))]
        raise AnswerError(
            f"the left side must be one of {', '.join(accepted)}, an element of it or the whole, "
            f"got {written!r}"
        )
    return found


def letters(answer: Answer) -> tuple[Letter, ...]:
    """The parts of the left side that may have indices, as `Target.tensors`."""
    return (answer.of,) if answer.by is None else (answer.of, answer.by)


def roles(g: Gradients) -> dict[str, tuple[str, Tensor]]:
    """What the letters on the right side stand for."""
    listed = {"X": g.X, "K": g.K, "G": g.G, **({} if g.b is None else {"b": g.b})}
    found = {tensor.name: (role, tensor) for role, tensor in listed.items()}
    return {**found, f"d{g.Y.name}": ("G", g.G)}  # dC/dY is G


def shown(of: Target) -> str:
    """The sizes, as in 2×3; a Jacobian has a row for each output."""
    if of.of is None:
        return grid(of.by)
    return f"{len(of.of)}×{len(of.by)}"


def _outputs_and_gradients(g: Gradients) -> dict[str, Target]:
    elements = {f"d{g.X.name}": (g.X, g.gradient_input.elements)}
    elements[f"d{g.K.name}"] = (g.K, g.gradient_kernel.elements)
    if g.b is not None and g.gradient_bias is not None:
        elements[f"d{g.b.name}"] = (g.b, g.gradient_bias.elements)
    gradients = {
        name: Target(None, tensor, True, _element_of(found))
        for name, (tensor, found) in elements.items()
    }
    return {g.Y.name: Target(None, g.Y, False, _element_of(g.output)), **gradients}


def _jacobians(g: Gradients) -> dict[str, Target]:
    listed = (g.jacobian_kernel, g.jacobian_input, g.jacobian_bias)
    return {
        f"d{jacobian.by.name}": Target(g.Y, jacobian.by, True, _entry_of(jacobian.entries))
        for jacobian in listed
        if jacobian is not None
    }


def _element_of(elements: Mapping[Index, Expr]) -> Callable[[Place], Expr]:
    return lambda place: elements[place[0]]


def _entry_of(entries: Mapping[tuple[Index, Index], Expr]) -> Callable[[Place], Expr]:
    return lambda place: entries.get((place[0], place[1]), S.Zero)
