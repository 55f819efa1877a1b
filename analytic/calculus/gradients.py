"""The gradients of one geometry as data: found by the chain rule, checked against closed forms."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

from analytic.calculus import closed_form
from analytic.calculus.axis import Pair
from analytic.calculus.closed_form import ClosedForm, check
from analytic.calculus.definition import definition
from analytic.calculus.differentiation import Jacobian, chain_rule, differentiate
from analytic.calculus.geometry import Geometry
from analytic.calculus.notation import Elements, Names, Tensor, sharing_products
from analytic.calculus.second_order import SecondOrder, second_order
from analytic.calculus.tensors import Tensors


@dataclass(frozen=True)
class Case:
    """The pixels of one channel that take part in the same number of output positions."""

    count: int
    pixels: tuple[Pair, ...]


@dataclass(frozen=True)
class Gradient:
    """One gradient of the cost."""

    elements: Elements  # by the chain rule, from the Jacobian
    closed_form: ClosedForm  # what it turns out to be


@dataclass(frozen=True, repr=False)
class Gradients:
    """From the definition of Y to its gradients, for one geometry; made by `of`.

    Tensors and elements are indexed in full: X by (n, c, u, v), K by (o, c, a, b), Y and G by
    (n, o, i, j), b by (o,). All numbers start from zero.
    """

    geometry: Geometry
    names: Names
    X: Tensor
    K: Tensor
    Y: Tensor
    G: Tensor  # ∂C/∂Y
    b: Tensor | None  # None where the geometry has no bias
    output: Elements  # Y, from the definition
    jacobian_kernel: Jacobian  # ∂Y/∂K
    jacobian_input: Jacobian  # ∂Y/∂X
    jacobian_bias: Jacobian | None  # ∂Y/∂b
    cases: tuple[Case, ...]  # by rising number of outputs; together, every pixel once
    gradient_kernel: Gradient  # ∂C/∂K
    gradient_input: Gradient  # ∂C/∂X
    gradient_bias: Gradient | None  # ∂C/∂b

    @classmethod
    @sharing_products
    def of(cls, geometry: Geometry, names: Names) -> Self:
        """Differentiate the definition, and check every closed form.

        Args:
            geometry: The sizes.
            names: The letters to use.
        """
        tensors = Tensors.make(geometry, names)
        X, K, Y, G, b = tensors.X, tensors.K, tensors.Y, tensors.G, tensors.b
        output = definition(geometry, X, K, b)
        by_kernel, by_input, *by_bias = differentiate(output, Y, (K, X) if b is None else (K, X, b))
        return cls(
            geometry,
            names,
            X,
            K,
            Y,
            G,
            b,
            output,
            by_kernel,
            by_input,
            by_bias[0] if by_bias else None,
            cases(geometry),
            _checked(G, by_kernel, closed_form.kernel_gradient(geometry, X, G)),
            _checked(G, by_input, closed_form.input_gradient(geometry, G, K)),
            _checked(G, by_bias[0], closed_form.bias_gradient(geometry, G)) if by_bias else None,
        )

    @cached_property
    def second_order(self) -> SecondOrder:
        """What double backward needs; computed when first asked for."""
        names, every = self.names, self.names.all_indices
        V = Tensor.make(names.input_upstream, self.X.shape, all_indices=every)
        W = Tensor.make(names.kernel_upstream, self.K.shape, all_indices=every)
        Z = None if self.b is None else Tensor.make(names.bias_upstream, self.b.shape)
        return second_order(
            self.geometry,
            (self.X, self.K, self.G),
            (V, W, Z),
            (
                self.gradient_input.elements,
                self.gradient_kernel.elements,
                None if self.gradient_bias is None else self.gradient_bias.elements,
            ),
        )

    @property
    def holds(self) -> bool:
        """Whether every closed form was confirmed, those of the second order included."""
        second = self.second_order
        first = (self.gradient_kernel, self.gradient_input, self.gradient_bias)
        return all(gradient.closed_form.holds for gradient in first if gradient is not None) and (
            second.upstream_form.holds and second.input_form.holds and second.kernel_form.holds
        )


def _checked(upstream: Tensor, jacobian: Jacobian, claim: Elements) -> Gradient:
    """The gradient by the chain rule, and whether a closed form claims the same."""
    elements = chain_rule(upstream, jacobian)
    return Gradient(elements, check(claim, elements))


def cases(geometry: Geometry) -> tuple[Case, ...]:
    """Split the pixels by the number of output positions in which each takes part.

    Example:
        >>> cases(Geometry((2, 3), (1, 2)))[1]
        Case(count=2, pixels=((0, 1), (1, 1)))
    """
    across = [len(geometry.columns.participation(v)) for v in range(geometry.input[1])]
    down = [len(geometry.rows.participation(u)) for u in range(geometry.input[0])]
    found: dict[int, list[Pair]] = {}
    for u, rows in enumerate(down):
        for v, columns in enumerate(across):
            found.setdefault(rows * columns, []).append((u, v))
    return tuple(Case(count, tuple(found[count])) for count in sorted(found))
