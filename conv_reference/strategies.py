"""Hypothesis strategies for convolutions: geometries, and operands that fit them.

A failing example shrinks to the smallest geometry, a single pixel and a single tap:

>>> from hypothesis import find
>>> str(find(geometries(), lambda geometry: True))
'n1 c1 h1 w1 o1 k1x1 s1 p0 d1 g1'
"""

from __future__ import annotations

from typing import Any

import torch
from hypothesis import strategies as st

from conv_reference.geometry import Geometry, Pair
from conv_reference.operands import Operands, exact_operands, real_operands

_SEEDS = st.integers(0, 2**32 - 1)


@st.composite
def geometries(
    draw: Any,  # hypothesis' DrawFn cannot be checked at run time
    *,
    max_batch: int = 3,
    max_groups: int = 3,
    max_group_channels: int = 3,
    max_output: int = 4,
    max_kernel: int = 4,
    max_stride: int = 4,
    max_padding: int = 3,
    max_dilation: int = 3,
    symmetric: bool = False,
) -> Geometry:
    """Geometries within the bounds, each bound at least 1 (``max_padding``: at least 0).

    The output's size and the stride's remainder are drawn and the input's follow, so that
    no draw is thrown away, and remainders and taps that see only padding come up often.

    Args:
        draw: given by hypothesis.
        max_batch: of N.
        max_groups: of the groups.
        max_group_channels: of C/groups and of O/groups.
        max_output: of the output's height and width.
        max_kernel: of kh and kw.
        max_stride: of both strides.
        max_padding: of each side.
        max_dilation: of both dilations.
        symmetric: the same padding on opposite sides, as torch's ``conv2d`` takes it.
    """

    def pair(strategy: st.SearchStrategy[int]) -> Pair:
        return draw(strategy), draw(strategy)

    def sides() -> Pair:
        first = draw(st.integers(0, max_padding))
        return first, first if symmetric else draw(st.integers(0, max_padding))

    groups = draw(st.integers(1, max_groups))
    kernel = pair(st.integers(1, max_kernel))
    stride = pair(st.integers(1, max_stride))
    dilation = pair(st.integers(1, max_dilation))
    output = pair(st.integers(1, max_output))
    remainder = tuple(draw(st.integers(0, s - 1)) for s in stride)
    padding = sides(), sides()
    height, width = (
        # At least one pixel: with more padding than that the output grows instead.
        max(1, (o - 1) * s + d * (k - 1) + 1 + r - sum(p))
        for o, s, d, k, r, p in zip(
            output, stride, dilation, kernel, remainder, padding, strict=True
        )
    )
    return Geometry(
        batch=draw(st.integers(1, max_batch)),
        in_channels=groups * draw(st.integers(1, max_group_channels)),
        input_size=(height, width),
        out_channels=groups * draw(st.integers(1, max_group_channels)),
        kernel_size=kernel,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
    )


def integer_operands(
    geometry: Geometry, dtype: torch.dtype = torch.float64
) -> st.SearchStrategy[Operands]:
    """Dense integer-valued operands for which Y and its gradients are exact.

    Args:
        geometry: the sizes.
        dtype: floating or integer.

    Raises:
        ValueError: when the geometry sums too many products for the dtype.
    """
    exact_operands(geometry, dtype, seed=0)  # refuse here, not in the middle of a test
    return _SEEDS.map(lambda seed: exact_operands(geometry, dtype, seed=seed))


def normal_operands(
    geometry: Geometry, dtype: torch.dtype = torch.float64
) -> st.SearchStrategy[Operands]:
    """Operands drawn from the standard normal distribution.

    Args:
        geometry: the sizes.
        dtype: floating.
    """
    return _SEEDS.map(lambda seed: real_operands(geometry, dtype, seed=seed))
