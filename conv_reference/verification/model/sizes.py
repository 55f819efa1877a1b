"""The sizes of a geometry by the names that predicates over them use."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from conv_reference.geometry import Geometry


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
    seen = {
        (i, a)
        for i in range(outputs)
        for a in range(taps)
        if 0 <= stride * i + dilation * a - before < size
    }
    return outputs - len({i for i, _ in seen}), taps - len({a for _, a in seen})
