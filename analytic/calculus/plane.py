"""The operations that the closed forms are made of, on planes of symbols.

Each says what its name says and knows nothing of gradients, so that a closed form written with
them is a statement about convolution, which the chain rule then confirms or refutes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product as cartesian

from sympy import S

from analytic.calculus.axis import Pair
from analytic.calculus.notation import Expr, Index, Tensor, product

#: Top, bottom, left, right.
Sides = tuple[int, int, int, int]


@dataclass(frozen=True)
class Plane:
    """A grid of symbols and zeros."""

    size: Pair
    cells: Mapping[Pair, Expr]  # those that are not zero

    @classmethod
    def of(cls, tensor: Tensor, *leading: int) -> Plane:
        """The last two dimensions of a tensor, at the given leading indices."""
        height, width = tensor.shape[-2:]
        places = cartesian(range(height), range(width))
        return cls((height, width), {place: tensor[(*leading, *place)] for place in places})

    def grid(self) -> tuple[tuple[Expr, ...], ...]:
        """Rows of cells, zeros written out."""
        height, width = self.size
        return tuple(
            tuple(self.cells.get((row, column), S.Zero) for column in range(width))
            for row in range(height)
        )


def flip(plane: Plane) -> Plane:
    """Turn by half a turn."""
    height, width = plane.size
    return Plane(
        plane.size, {(height - 1 - r, width - 1 - c): cell for (r, c), cell in plane.cells.items()}
    )


def spread(plane: Plane, step: Pair) -> Plane:
    """Put step - 1 zeros between neighbours."""
    size = ((plane.size[0] - 1) * step[0] + 1, (plane.size[1] - 1) * step[1] + 1)
    return Plane(size, {(r * step[0], c * step[1]): cell for (r, c), cell in plane.cells.items()})


def pad(plane: Plane, sides: Sides) -> Plane:
    """Add zeros at the top, bottom, left and right; a negative number crops."""
    top, bottom, left, right = sides
    height, width = plane.size[0] + top + bottom, plane.size[1] + left + right
    moved = {(r + top, c + left): cell for (r, c), cell in plane.cells.items()}
    return Plane(
        (height, width),
        {(r, c): cell for (r, c), cell in moved.items() if 0 <= r < height and 0 <= c < width},
    )


def correlate(
    plane: Plane, kernel: Plane, step: Pair = (1, 1), *, size: Pair | None = None
) -> Iterator[tuple[Pair, list[Expr]]]:
    """Slide the kernel over the plane; at each stop, the terms of the sum of products.

    Args:
        plane: What is slid over.
        kernel: What slides; no larger than the plane.
        step: How far each slide goes.
        size: Keep only that many stops, the first ones; all by default.

    Yields:
        The stop's index, and its terms in the order of the kernel.
    """
    if size is None:
        size = (
            (plane.size[0] - kernel.size[0]) // step[0] + 1,
            (plane.size[1] - kernel.size[1]) // step[1] + 1,
        )
    for row, column in cartesian(range(size[0]), range(size[1])):
        top, left = row * step[0], column * step[1]
        yield (
            (row, column),
            [
                product(under, weight)
                for (r, c), weight in kernel.cells.items()
                if (under := plane.cells.get((top + r, left + c))) is not None
            ],
        )


def collect(
    into: dict[Index, list[Expr]],
    leading: Index,
    sums: Iterator[tuple[Pair, list[Expr]]],
) -> None:
    """Add the terms of a plane of sums to those already collected at the leading indices."""
    for place, listed in sums:
        into.setdefault((*leading, *place), []).extend(listed)
