"""A made-up framework: arrays of its own over numpy, one convolution, and a tape."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

__version__ = "0.1"


class Unable(Exception):  # noqa: N818 (the framework's own name)
    """It does not do that."""


class Grid:
    """Numbers, and how they came to be: parents, each with the gradient's way back to it."""

    def __init__(self, numbers: Any, parents: Sequence[tuple[Grid, Callable[..., Any]]] = ()):
        self.numbers, self.parents = np.asarray(numbers), tuple(parents)


def correlate(x: Grid, k: Grid, *, steps: Any, margins: Any) -> Grid:
    """Tap by tap: each adds a shifted slice of the padded input."""
    X = np.pad(x.numbers, ((0, 0), (0, 0), *margins))
    K = k.numbers
    high, wide = ((n - m) // s + 1 for n, m, s in zip(X.shape[2:], K.shape[2:], steps, strict=True))
    if min(high, wide, *steps) < 1:
        raise Unable("a kernel that does not fit is not offered")

    def seen(i: int, j: int) -> tuple[slice, ...]:
        down = slice(i, i + (high - 1) * steps[0] + 1, steps[0])
        across = slice(j, j + (wide - 1) * steps[1] + 1, steps[1])
        return slice(None), slice(None), down, across

    taps = [(i, j) for i in range(K.shape[2]) for j in range(K.shape[3])]
    y = np.zeros((X.shape[0], K.shape[0], high, wide), X.dtype)
    for i, j in taps:
        y += np.einsum("nchw,oc->nohw", X[seen(i, j)], K[:, :, i, j])

    def to_x(g: Any) -> Any:
        dX = np.zeros_like(X)
        for i, j in taps:
            dX[seen(i, j)] += np.einsum("nohw,oc->nchw", g, K[:, :, i, j])
        (top, _), (left, _) = margins
        h, w = x.numbers.shape[2:]
        return dX[:, :, top : top + h, left : left + w]

    def to_k(g: Any) -> Any:
        dK = np.zeros_like(K)
        for i, j in taps:
            dK[:, :, i, j] = np.einsum("nohw,nchw->oc", g, X[seen(i, j)])
        return dK

    return Grid(y, [(x, to_x), (k, to_k)])


def lifted(y: Grid, b: Grid) -> Grid:
    """Each channel higher by a number of its own."""
    raised = y.numbers + b.numbers[:, None, None]
    return Grid(raised, [(y, lambda g: g), (b, lambda g: g.sum((0, 2, 3)))])


def pull(f: Any, points: Sequence[Grid], seeds: Sequence[Grid]) -> list[Grid]:
    """The gradients at the points, from those of the answers."""
    totals = {id(p): np.zeros_like(p.numbers) for p in points}

    def back(node: Grid, g: Any) -> None:
        if id(node) in totals:
            totals[id(node)] = totals[id(node)] + g
        for parent, way in node.parents:
            back(parent, way(g))

    for y, seed in zip(f(*points), seeds, strict=True):
        if seed.parents or not y.parents:  # gradients have no way back
            raise Unable("a gradient of a gradient is not offered")
        back(y, seed.numbers)
    return [Grid(totals[id(p)]) for p in points]
