"""Exercise 3 as it is asked: Jacobians, participation and the flipped kernel, ready to be written.

Everything is read from the derivation of ``analytic``; what is put together here from the padded
G and the flipped K is compared with it. Formulas are LaTeX, indices as the chapter writes them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import sympy as sp

from analytic import Derivation, Geometry, derive
from conv_reference.chapter.sliding import Pair, Sliding, element, partial, slide

SIZE, KERNEL = (2, 3), (1, 2)


def letters(latex: str) -> str:
    """Indices as the chapter writes them, while all are of one digit.

    >>> letters("G_{0,0} K_{0,1}")
    'G_{00} K_{01}'
    """
    return re.sub(r"_\{(\d),(\d)\}", r"_{\1\2}", latex)


@dataclass(frozen=True)
class Labelled:
    """A Jacobian with the names of its rows and columns."""

    of: str
    by: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]  # name, entries; "0" where it is not seen


@dataclass(frozen=True)
class Seen:
    """A pixel, and the outputs that see it, each through an element of the kernel."""

    pixel: Pair
    outputs: tuple[tuple[Pair, Pair], ...]  # (output, kernel element)

    @property
    def name(self) -> str:
        """The pixel."""
        return element("X", self.pixel)

    @property
    def names(self) -> tuple[tuple[str, str], ...]:
        """Each output, and the element through which it sees the pixel."""
        return tuple((element("Y", output), element("K", tap)) for output, tap in self.outputs)

    @property
    def sum(self) -> str:
        """What the chain rule makes of it."""
        terms = (f"{element('G', output)} {element('K', tap)}" for output, tap in self.outputs)
        return " + ".join(terms)

    @property
    def equation(self) -> str:
        """The pixel's gradient."""
        return f"{partial('C', self.name)} = {self.sum}"


@dataclass(frozen=True)
class Worked:
    """The exercise on the chapter's 2×3 input with its 1×2 kernel."""

    derivation: Derivation

    @property
    def outputs(self) -> tuple[str, ...]:
        """Y, element by element, from its definition."""
        return tuple(
            f"{element('Y', _place(index))} = {self._latex(term)}"
            for index, term in self.derivation.output.items()
        )

    @property
    def by_kernel(self) -> Labelled:
        """∂Y/∂K."""
        return self._labelled("K")

    @property
    def by_input(self) -> Labelled:
        """∂Y/∂X."""
        return self._labelled("X")

    def _labelled(self, by: str) -> Labelled:
        jacobian = self.derivation.jacobian_kernel if by == "K" else self.derivation.jacobian_input
        return Labelled(
            "Y",
            by,
            tuple(element(by, _place(column)) for column in jacobian.by),
            tuple(
                (
                    element("Y", _place(row)),
                    tuple(self._latex(entries.get(column, sp.S.Zero)) for column in jacobian.by),
                )
                for row, entries in jacobian.rows.items()
            ),
        )

    @cached_property
    def seen(self) -> Mapping[Pair, Seen]:
        """Each pixel, and the outputs that see it: a column of ∂Y/∂X without its zeros."""
        taps = {symbol: _place(index) for index, symbol in self.derivation.K.symbols.items()}
        return {
            _place(pixel): Seen(
                _place(pixel),
                tuple((_place(output), taps[entry]) for output, entry in entries.items()),
            )
            for pixel, entries in self.derivation.jacobian_input.columns.items()
        }

    @property
    def counts(self) -> tuple[tuple[int, ...], ...]:
        """The participation map: how many outputs see each pixel."""
        height, width = SIZE
        return tuple(
            tuple(len(self.seen[u, v].outputs) for v in range(width)) for u in range(height)
        )

    @property
    def cases(self) -> tuple[tuple[int, tuple[Seen, ...]], ...]:
        """The pixels by the number of outputs that see them."""
        return tuple(
            (case.count, tuple(self.seen[pixel] for pixel in case.pixels))
            for case in self.derivation.cases
        )

    @property
    def kernel_equations(self) -> tuple[str, ...]:
        """∂C/∂K by the chain rule, element by element."""
        return tuple(
            f"{partial('C', element('K', _place(index)))} = {self._latex(gradient)}"
            for index, gradient in self.derivation.gradient_kernel.elements.items()
        )

    @cached_property
    def sliding(self) -> Sliding:
        """The flipped K over the padded G."""
        d = self.derivation
        named = {
            element(tensor.name, _place(index)): symbol
            for tensor in (d.G, d.K)
            for index, symbol in tensor.symbols.items()
        }
        return slide(SIZE, KERNEL, named)

    @property
    def holds(self) -> bool:
        """Whether the closed forms were confirmed, and the picture shows what they say."""
        d = self.derivation
        return (
            d.gradient_kernel.closed_form.holds
            and d.gradient_input.closed_form.holds
            and all(
                frame.value == d.gradient_input.elements[0, 0, *frame.pixel]
                for frame in self.sliding.frames
            )
        )

    @staticmethod
    def _latex(expression: sp.Expr) -> str:
        return letters(sp.latex(expression, order="none"))


def _place(index: tuple[int, ...]) -> Pair:
    """Row and column of an element, whose sample and channel are 0."""
    return index[-2], index[-1]


def work() -> Worked:
    """Derive the chapter's geometry.

    >>> worked = work()
    >>> worked.counts
    ((1, 2, 1), (1, 2, 1))
    >>> worked.holds
    True
    """
    return Worked(derive(Geometry(input=SIZE, kernel=KERNEL)))
