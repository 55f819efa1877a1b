"""The derivation of one geometry's gradients, as data."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from gettext import NullTranslations
from html import escape
from typing import TYPE_CHECKING

from analytic import closed_form, exposition, figures
from analytic.axis import Pair
from analytic.closed_form import ClosedForm, check
from analytic.definition import definition
from analytic.differentiation import Jacobian, chain_rule, differentiate
from analytic.geometry import Geometry
from analytic.notation import Elements, Names, Tensor, sharing_products
from analytic.numeric import Evaluation, evaluate_elements, evaluate_jacobian, numbers_of
from analytic.render import FormatError, renderer
from analytic.second_order import SecondOrder, second_order
from analytic.tensors import Tensors

if TYPE_CHECKING:
    from analytic.document import Document, Step
    from analytic.values import Values


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
class Derivation:
    """From the definition of Y to its gradients, for one geometry; made by `derive`.

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

    @cached_property
    def document(self) -> Document:
        """The whole derivation as steps with a title, for the renderers."""
        return exposition.explain(self)

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps, in the order in which they are read."""
        return self.document.steps

    @property
    def holds(self) -> bool:
        """Whether every closed form was confirmed, those of the second order included."""
        second = self.second_order
        first = (self.gradient_kernel, self.gradient_input, self.gradient_bias)
        return all(gradient.closed_form.holds for gradient in first if gradient is not None) and (
            second.upstream_form.holds and second.input_form.holds and second.kernel_form.holds
        )

    def evaluate(self, values: Values) -> Evaluation:
        """Output, Jacobians and gradients in exact numbers.

        Example:
            >>> from analytic.values import Values
            >>> chapter = Geometry((2, 3), (1, 2))
            >>> derive(chapter).evaluate(Values.of(chapter, G=[[1, 1], [1, 1]])).gradient_input
            {(0, 0, 0, 0): Fraction(1, 1), ...}
        """
        numbers = numbers_of(self, values)
        by_bias, bias = self.jacobian_bias, self.gradient_bias
        return Evaluation(
            evaluate_elements(self.output, numbers),
            evaluate_jacobian(self.jacobian_kernel, numbers),
            evaluate_jacobian(self.jacobian_input, numbers),
            None if by_bias is None else evaluate_jacobian(by_bias, numbers),
            evaluate_elements(self.gradient_kernel.elements, numbers),
            evaluate_elements(self.gradient_input.elements, numbers),
            None if bias is None else evaluate_elements(bias.elements, numbers),
        )

    def with_values(self, values: Values) -> Document:
        """The document with numbers plugged in: formula and figures side by side."""
        return figures.plug_in(self.document, numbers_of(self, values))

    def _repr_html_(self) -> str | None:
        """How a notebook shows it: a page in a frame, so that neither's styles reach the other."""
        page = self._printed("html")
        if page is None:
            return None
        # Without it the page's links to its own steps would load the notebook into the frame.
        page = page.replace("<head>", '<head><base href="about:srcdoc">', 1)
        style = "width: 100%; height: 80vh; border: 0"
        return f'<iframe srcdoc="{escape(page)}" style="{style}"></iframe>'

    def _repr_latex_(self) -> str | None:
        """How a notebook that becomes a LaTeX document shows it."""
        return self._printed("latex", fragment=True)

    def _printed(self, name: str, *, fragment: bool = False) -> str | None:
        try:
            return renderer(name, fragment=fragment)(self.document, NullTranslations())
        except FormatError:
            return None  # a library is missing: the notebook goes on with the next format

    def __repr__(self) -> str:
        return f"derive({self.geometry!r})"


@sharing_products
def derive(geometry: Geometry, *, names: Names | None = None) -> Derivation:
    """Derive the gradients of a convolution from its definition.

    Args:
        geometry: The sizes.
        names: The letters to use; X, K, Y, G and b by default.

    Example:
        >>> derivation = derive(Geometry((2, 3), (1, 2)))
        >>> derivation.gradient_input.closed_form.holds
        True
    """
    names = names or Names()
    tensors = Tensors.make(geometry, names)
    X, K, Y, G, b = tensors.X, tensors.K, tensors.Y, tensors.G, tensors.b

    output = definition(geometry, X, K, b)
    by_kernel, by_input, *by_bias = differentiate(output, Y, (K, X) if b is None else (K, X, b))
    kernel_elements = chain_rule(G, by_kernel)
    input_elements = chain_rule(G, by_input)
    gradient_bias = None
    if b is not None:
        bias_elements = chain_rule(G, by_bias[0])
        bias_claim = closed_form.bias_gradient(geometry, G)
        gradient_bias = Gradient(bias_elements, check(bias_claim, bias_elements))
    kernel_claim = closed_form.kernel_gradient(geometry, X, G)
    input_claim = closed_form.input_gradient(geometry, G, K)
    return Derivation(
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
        Gradient(kernel_elements, check(kernel_claim, kernel_elements)),
        Gradient(input_elements, check(input_claim, input_elements)),
        gradient_bias,
    )


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
