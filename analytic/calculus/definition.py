"""Y, straight from its definition: where everything starts."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product as cartesian

from analytic.calculus.geometry import Geometry
from analytic.calculus.notation import Elements, Expr, Tensor, product, total


def definition(geometry: Geometry, X: Tensor, K: Tensor, bias: Tensor | None) -> Elements:
    """Y[n,o,i,j] = Σ K[o,c,a,b] X[n, c, s·i + d·a - p, ...]: padding is zero and leaves no term."""
    rows, columns = geometry.rows, geometry.columns

    def parts(n: int, o: int, i: int, j: int) -> Iterator[Expr]:
        for channel in range(geometry.group_inputs):
            c = geometry.input_channel(o, channel)
            for a, b in cartesian(rows.taps(i), columns.taps(j)):
                yield product(K[o, channel, a, b], X[n, c, rows.pixel(i, a), columns.pixel(j, b)])
        if bias is not None:
            yield bias[o,]

    places = map(range, (geometry.batch, geometry.out_channels, *geometry.output))
    return {index: total(parts(*index)) for index in cartesian(*places)}
