"""A figure as the bytes of a file."""

from __future__ import annotations

import io

from matplotlib.figure import Figure


def png(figure: Figure, *, dpi: int = 150) -> bytes:
    """The figure as PNG."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi)
    return buffer.getvalue()
