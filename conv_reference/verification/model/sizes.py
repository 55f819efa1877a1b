"""The sizes of a geometry by the names that predicates over them use."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from math import prod

from conv_reference.geometry import Geometry
from conv_reference.verification.reading.texts import MOST_ELEMENTS, elements_of

_MOST_TAPS = 8_192  # the oracle sums over them, one by one: 0.1 s for each of Y, dX and dK


def outgrows(g: Geometry) -> str:
    """What a geometry has more of than thousands of cases can have; empty where it has not.

    >>> outgrows(Geometry.parse("h20000 w1 k20000x1"))
    'a kernel of 20,000 taps, at most 8,192 accepted'
    """
    taps, elements = prod(g.kernel_size), elements_of(g)
    if taps > _MOST_TAPS:
        return f"a kernel of {taps:,} taps, at most {_MOST_TAPS:,} accepted"
    if elements > MOST_ELEMENTS:
        return f"{elements:,} elements, at most {MOST_ELEMENTS:,} accepted"
    return ""


def products(g: Geometry) -> int:
    """How many products one forward pass has."""
    return prod((g.batch, *g.output_size, *g.weight_shape))


@lru_cache(maxsize=2**14)  # each known defect asks of each case
def sizes_of(g: Geometry) -> Mapping[str, int]:
    """Every size of a geometry, by name.

    ``rh`` and ``rw`` are the rows and columns that no stride reaches; ``blind_rows`` and
    ``blind_columns`` count the outputs, ``blind_kernel_rows`` and ``blind_kernel_columns`` the
    taps, that see nothing but padding along that axis.
    """
    rows, columns = (_blind(g, axis) for axis in (0, 1))
    return {
        "n": g.batch, "c": g.in_channels, "h": g.input_size[0], "w": g.input_size[1],
        "o": g.out_channels, "kh": g.kernel_size[0], "kw": g.kernel_size[1],
        "sh": g.stride[0], "sw": g.stride[1], "ph": g.padding[0][0], "pw": g.padding[1][0],
        "dh": g.dilation[0], "dw": g.dilation[1], "g": g.groups,
        "oh": g.output_size[0], "ow": g.output_size[1],
        "rh": g.remainder[0], "rw": g.remainder[1],
        "blind_rows": rows[0], "blind_kernel_rows": rows[1],
        "blind_columns": columns[0], "blind_kernel_columns": columns[1],
    }  # fmt: skip


def _blind(g: Geometry, axis: int) -> tuple[int, int]:
    if g.padding_mode != "zeros":  # whatever is read is of the input
        return 0, 0
    return _counted(
        g.input_size[axis],
        g.output_size[axis],
        g.kernel_size[axis],
        g.stride[axis],
        g.padding[axis][0],
        g.dilation[axis],
    )


@lru_cache(maxsize=4096)  # the axes of ten thousand geometries are few
def _counted(
    size: int, outputs: int, taps: int, stride: int, before: int, dilation: int
) -> tuple[int, int]:
    """The outputs, and the taps, that see nothing but padding."""
    return (
        outputs - _landing(outputs, stride, before, size, taps, dilation),
        taps - _landing(taps, dilation, before, size, outputs, stride),
    )


def _landing(count: int, stride: int, before: int, size: int, steps: int, step: int) -> int:
    """Of so many walks, each a stride further on, those of which a step lands on a pixel."""
    if size < step:  # a walk may pass over all of them
        return sum(_lands(before - stride * i, size, steps, step) for i in range(count))
    first = -(-max(before - step * (steps - 1), 0) // stride)  # that reaches the first pixel
    past = -(-(before + size) // stride)  # that begins behind the last
    return max(0, min(past, count) - first)


def _lands(start: int, size: int, steps: int, step: int) -> bool:
    """Whether any of so many steps from 0 lands on one of ``size`` pixels from ``start`` on."""
    first, last = -(-max(start, 0) // step), (start + size - 1) // step
    return first <= min(last, steps - 1)
