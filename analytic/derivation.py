"""The derivation of one geometry's gradients, as users and notebooks hold it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from analytic.calculus.geometry import Geometry
from analytic.calculus.gradients import Gradients
from analytic.calculus.notation import Names
from analytic.calculus.numeric import Evaluation, evaluation, numbers_of
from analytic.shown import Shown
from analytic.telling import exposition, figures

if TYPE_CHECKING:
    from analytic.calculus.values import Values
    from analytic.telling.document import Document, Step


@dataclass(frozen=True, repr=False)
class Derivation(Gradients):
    """From the definition of Y to its gradients, for one geometry; made by `derive`.

    The data are those of `Gradients`; here they are explained, printed and put into numbers.

    Tensors and elements are indexed in full: X by (n, c, u, v), K by (o, c, a, b), Y and G by
    (n, o, i, j), b by (o,). All numbers start from zero.
    """

    @cached_property
    def document(self) -> Document:
        """The whole derivation as steps with a title, for the renderers."""
        return exposition.explain(self)

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps, in the order in which they are read."""
        return self.document.steps

    def evaluate(self, values: Values) -> Evaluation:
        """Output, Jacobians and gradients in exact numbers.

        Example:
            >>> from analytic import Values
            >>> chapter = Geometry((2, 3), (1, 2))
            >>> derive(chapter).evaluate(Values.of(chapter, G=[[1, 1], [1, 1]])).gradient_input
            {(0, 0, 0, 0): Fraction(1, 1), ...}
        """
        return evaluation(self, values)

    def with_values(self, values: Values) -> Shown:
        """The document with numbers plugged in: formula and figures side by side."""
        return Shown.of(figures.plug_in(self.document, numbers_of(self, values)))

    def _repr_html_(self) -> str | None:
        """How a notebook shows it: as a page."""
        return self._shown._repr_html_()

    def _repr_latex_(self) -> str | None:
        """How a notebook that becomes a LaTeX document shows it."""
        return self._shown._repr_latex_()

    @property
    def _shown(self) -> Shown:
        return Shown.of(self.document)

    def __repr__(self) -> str:
        return f"derive({self.geometry!r})"


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
    return Derivation.of(geometry, names or Names())
