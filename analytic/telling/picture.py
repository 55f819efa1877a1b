"""The picture of a convolution: its tensors as grids, and which of their cells meet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product as cartesian

from analytic.calculus.axis import Pair
from analytic.calculus.geometry import Geometry
from analytic.calculus.gradients import Gradients
from analytic.calculus.notation import Expr, Index, Tensor
from analytic.telling import wording
from analytic.telling.formulas import plane_label
from analytic.telling.message import Message


@dataclass(frozen=True)
class Pictured:
    """One tensor of the picture."""

    role: str  # X, K, Y or G, whatever letter the user chose
    tensor: Tensor

    def planes(self) -> Iterator[tuple[Index, Expr]]:
        """The leading indices of each plane, and its name."""
        for leading in cartesian(*map(range, self.tensor.shape[:2])):
            yield leading, plane_label(self.tensor, *leading)


@dataclass(frozen=True)
class Picture:
    """What there is to see, and which element meets which.

    Rows, columns and channels never mix: pixel (n, c, u, v) meets kernel element (o, k, a, b) in
    output (n, o, i, j) exactly where (i, a) is among rows[u], (j, b) among columns[v], and (o, k)
    among channels[c]. So the whole picture is as small as its sides.
    """

    tensors: tuple[Pictured, ...]  # X, K, Y, G
    bias: Tensor | None
    rows: tuple[tuple[Pair, ...], ...]  # for each row of X: (row of Y, row of K)
    columns: tuple[tuple[Pair, ...], ...]  # for each column of X, likewise
    channels: tuple[tuple[Pair, ...], ...]  # for each channel of X: (channel of Y, channel of K)
    cases: tuple[tuple[int, Message], ...]  # the number of output positions, and how it is called


def picture(derivation: Gradients) -> Picture:
    """What to see of a derivation.

    Example:
        >>> from analytic import Geometry, derive
        >>> picture(derive(Geometry((2, 3), (1, 2)))).columns
        (((0, 0),), ((0, 1), (1, 0)), ((1, 1),))
    """
    d, geometry = derivation, derivation.geometry
    roles = {"X": d.X, "K": d.K, "Y": d.Y, "G": d.G}
    return Picture(
        tuple(Pictured(role, tensor) for role, tensor in roles.items()),
        d.b,
        tuple(map(geometry.rows.participation, range(geometry.input[0]))),
        tuple(map(geometry.columns.participation, range(geometry.input[1]))),
        tuple(_readers(geometry, channel) for channel in range(geometry.in_channels)),
        tuple((case.count, wording.times(case.count)) for case in d.cases),
    )


def _readers(geometry: Geometry, channel: int) -> tuple[Pair, ...]:
    return tuple(
        (o, k)
        for o in range(geometry.out_channels)
        for k in range(geometry.group_inputs)
        if geometry.input_channel(o, k) == channel
    )
