"""A geometry in words, for whoever does not read its letters."""

from __future__ import annotations

from conv_reference.geometry import Geometry, Pair
from conv_reference.verification.report.plain import counted


def in_words(text: str) -> str:
    """The sizes; empty where the text is no geometry.

    Example:
        >>> in_words("n2 c4 h8 w9 k3x2 s2x1")
        '2 samples; input 8×9 in 4 channels, kernel 3×2, output 3×8; stride 2×1'
    """
    try:
        g = Geometry.parse(text)
        output = g.output_size
    except (ValueError, TypeError):  # of what has no convolution, or of a report made elsewhere
        return ""
    sizes = (
        f"input {_size(g.input_size)}{_channels(g.in_channels)}",
        f"kernel {_size(g.kernel_size)}",
        f"output {_size(output)}{_channels(g.out_channels)}",
    )
    further = [
        *([f"{g.groups} groups"] if g.groups > 1 else []),
        *([f"stride {_size(g.stride)}"] if g.stride != (1, 1) else []),
        *([f"padding {_padding(g)}"] if g.padding != ((0, 0), (0, 0)) else []),
        *([f"dilation {_size(g.dilation)}"] if g.dilation != (1, 1) else []),
    ]
    parts = [counted(g.batch, "sample"), ", ".join(sizes), ", ".join(further)]
    return "; ".join(filter(None, parts))


def _size(pair: Pair) -> str:
    return f"{pair[0]}×{pair[1]}"


def _channels(count: int) -> str:
    return f" in {count} channels" if count > 1 else ""


def _padding(g: Geometry) -> str:
    (top, bottom), (left, right) = g.padding
    mode = "" if g.padding_mode == "zeros" else f" ({g.padding_mode})"
    if (top, left) == (bottom, right):
        return f"{top}×{left}{mode}"
    return f"{top} above, {bottom} below, {left} left and {right} right{mode}"
