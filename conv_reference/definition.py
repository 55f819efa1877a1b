"""The convolution straight from its definition: the first link of the trust chain.

Y[n,o,i,j] = b[o] + Σ_{c,a,b} K[o,c,a,b] · X[n, q·C/groups + c, u, v]

with u = s_h·i + d_h·a - top and v = s_w·j + d_w·b - left, q = ⌊o / (O/groups)⌋ the group of
output channel o, and X taken as zero outside the image; in another padding mode as what the
image goes on with there (``padding_modes.inside``). As in torch and in the chapter this
is the cross-correlation: the kernel is not flipped. (PyTorch documentation, ``torch.nn.Conv2d``.)
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any, Protocol, runtime_checkable

import numpy as np

from conv_reference.geometry import Geometry
from conv_reference.padding_modes import inside


@runtime_checkable
class Indexable(Protocol):
    """A four-dimensional array of numbers: numpy's, torch's, or any with ``X[n, c, h, w]``."""

    def __getitem__(self, index: tuple[int, int, int, int], /) -> Any: ...


def output_element(
    X: Indexable, K: Indexable, geometry: Geometry, n: int, o: int, i: int, j: int
) -> Any:
    """Y[n, o, i, j] without the bias, exact wherever the elements' own + and · are.

    Args:
        X: the input, (N, C, H, W).
        K: the kernel, (O, C/groups, kh, kw).
        geometry: the sizes.
        n: sample, 0 ≤ n < N.
        o: output channel, 0 ≤ o < O.
        i: output row, 0 ≤ i < H'.
        j: output column, 0 ≤ j < W'.
    """
    H, W = geometry.input_size
    C, O = geometry.group_channels
    (top, _), (left, _) = geometry.padding
    y: Any = 0
    for c, a, b in product(
        range(C), range(geometry.kernel_size[0]), range(geometry.kernel_size[1])
    ):
        u = geometry.stride[0] * i + geometry.dilation[0] * a - top
        v = geometry.stride[1] * j + geometry.dilation[1] * b - left
        row, column = inside(u, H, geometry.padding_mode), inside(v, W, geometry.padding_mode)
        if row is not None and column is not None:
            y = y + K[o, c, a, b] * X[n, o // O * C + c, row, column]
    return y


def conv2d(
    X: Indexable, K: Indexable, geometry: Geometry, bias: Sequence[Any] | None = None
) -> np.ndarray[Any, np.dtype[np.object_]]:
    """Y for every index, as an object array (N, O, H', W') of the elements' own type.

    Python integers stay exact at any size; torch scalars keep their autograd graph.

    >>> X = np.array([[[[0, 1, 2], [3, 4, 5]]]], dtype=object)
    >>> K = np.array([[[[10, 1]]]], dtype=object)
    >>> conv2d(X, K, Geometry.parse("h2 w3 k1x2"))[0, 0]
    array([[1, 12],
           [34, 45]], dtype=object)

    Args:
        X: the input, (N, C, H, W).
        K: the kernel, (O, C/groups, kh, kw).
        geometry: the sizes.
        bias: one number for each output channel, or None.
    """
    Y = np.empty(geometry.output_shape, dtype=object)
    for n, o, i, j in np.ndindex(Y.shape):
        y = output_element(X, K, geometry, n, o, i, j)
        Y[n, o, i, j] = y if bias is None else y + bias[o]
    return Y
