"""The gradient by the input in a picture: the flipped K slides over the padded G."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import sympy as sp

Pair = tuple[int, int]


def element(letter: str, index: Pair) -> str:
    """One element, in LaTeX.

    >>> element("X", (0, 1))
    'X_{01}'
    """
    return f"{letter}_{{{index[0]}{index[1]}}}"


def partial(of: str, by: str) -> str:
    r"""A derivative, in LaTeX.

    >>> print(partial("C", "X"))
    \frac{\partial C}{\partial X}
    """
    return rf"\frac{{\partial {of}}}{{\partial {by}}}"


@dataclass(frozen=True)
class Cell:
    """One element of the padded G, and the element of the flipped K that lies on it, if any."""

    upstream: str  # "0" where it is padding
    tap: str | None = None

    @property
    def product(self) -> str:
        """The two multiplied."""
        return f"{self.upstream} {self.tap}" if self.upstream != "0" else rf"0 \cdot {self.tap}"


@dataclass(frozen=True)
class Frame:
    """The flipped K at one place: the gradient of one pixel."""

    pixel: Pair
    rows: tuple[tuple[Cell, ...], ...]
    value: sp.Expr  # what lies on one another, multiplied and summed

    @property
    def name(self) -> str:
        """The pixel."""
        return element("X", self.pixel)

    @property
    def met(self) -> tuple[Cell, ...]:
        """The cells that the kernel lies on."""
        return tuple(cell for row in self.rows for cell in row if cell.tap is not None)

    @property
    def equation(self) -> str:
        """The pixel's gradient: the sum of the products, and what is left of it without zeros."""
        left = partial("C", self.name)
        whole = " + ".join(cell.product for cell in self.met)
        rest = " + ".join(cell.product for cell in self.met if cell.upstream != "0")
        return f"{left} = {whole}" + (f" = {rest}" if rest != whole else "")


@dataclass(frozen=True)
class Sliding:
    """The two grids, and each place of the one over the other; in LaTeX."""

    upstream: tuple[tuple[str, ...], ...]  # G
    padded: tuple[tuple[str, ...], ...]
    kernel: tuple[tuple[str, ...], ...]
    flipped: tuple[tuple[str, ...], ...]
    pixels: tuple[tuple[str, ...], ...]  # X
    frames: tuple[Frame, ...]  # one for each pixel


def slide(size: Pair, kernel: Pair, symbols: Mapping[str, sp.Expr]) -> Sliding:
    """Pad G, flip K, and lay the one over the other for each pixel.

    Args:
        size: of X.
        kernel: of K.
        symbols: what the elements of G and K are called in expressions.
    """
    (height, width), (kh, kw) = size, kernel
    rows, columns = height - kh + 1, width - kw + 1
    G = tuple(tuple(element("G", (i, j)) for j in range(columns)) for i in range(rows))
    K = tuple(tuple(element("K", (a, b)) for b in range(kw)) for a in range(kh))
    padded = tuple(
        tuple(
            G[i][j] if 0 <= i < rows and 0 <= j < columns else "0"
            for j in range(1 - kw, columns + kw - 1)
        )
        for i in range(1 - kh, rows + kh - 1)
    )
    flipped = tuple(row[::-1] for row in K[::-1])
    X = tuple(tuple(element("X", (u, v)) for v in range(width)) for u in range(height))
    frames = tuple(_frames(size, padded, flipped, symbols))
    return Sliding(G, padded, K, flipped, X, frames)


def _frames(
    size: Pair,
    padded: tuple[tuple[str, ...], ...],
    flipped: tuple[tuple[str, ...], ...],
    symbols: Mapping[str, sp.Expr],
) -> Iterator[Frame]:
    for u in range(size[0]):
        for v in range(size[1]):
            over = {
                (u + a, v + b): tap for a, row in enumerate(flipped) for b, tap in enumerate(row)
            }
            cells = tuple(
                tuple(Cell(upstream, over.get((i, j))) for j, upstream in enumerate(row))
                for i, row in enumerate(padded)
            )
            met = ((cell.upstream, cell.tap) for row in cells for cell in row if cell.tap)
            value = sp.Add(*(symbols.get(G, sp.S.Zero) * symbols[K] for G, K in met))
            yield Frame((u, v), cells, value)
