"""The sizes of a geometry by the names that predicates over them use."""

from __future__ import annotations

from conv_reference.geometry import Geometry


def sizes_of(g: Geometry) -> dict[str, int]:
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
    size, before = g.input_size[axis], g.padding[axis][0]
    seen = {
        (i, a)
        for i in range(g.output_size[axis])
        for a in range(g.kernel_size[axis])
        if 0 <= g.stride[axis] * i + g.dilation[axis] * a - before < size
    }
    outputs, taps = {i for i, _ in seen}, {a for _, a in seen}
    return g.output_size[axis] - len(outputs), g.kernel_size[axis] - len(taps)
