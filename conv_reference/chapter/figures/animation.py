"""The kernel's way from noise to filter as a moving picture, on request."""

from __future__ import annotations

import io

from matplotlib.figure import Figure
from PIL import Image

from conv_reference.chapter.figures.experiment import moments_shown
from conv_reference.chapter.figures.files import png
from conv_reference.chapter.figures.parts import show_kernel
from conv_reference.chapter.training import Run

_FRAMES, _MILLISECONDS, _LAST_MILLISECONDS = 40, 120, 2500


def gif(run: Run) -> bytes:
    """A GIF of the kernel beside K; densest in time where it moves fastest.

    Args:
        run: finished or stopped, not diverged.
    """
    fixed = run.settings.fixed_kernel()
    limit = 1.25 * float(fixed.abs().max())
    pictures = []
    for step in moments_shown(run.done, _FRAMES, ratio=1.2):
        figure = Figure(figsize=(5, 2.8), layout="constrained")
        left, right = figure.subplots(1, 2)
        show_kernel(left, run.kernels[step], limit, digits=2)
        show_kernel(right, fixed, limit, digits=0)
        left.set_title(f"after {step} minibatches")
        right.set_title("K")
        pictures.append(Image.open(io.BytesIO(png(figure, dpi=100))).convert("P"))
    buffer = io.BytesIO()
    durations = [_MILLISECONDS] * (len(pictures) - 1) + [_LAST_MILLISECONDS]
    pictures[0].save(
        buffer, "GIF", save_all=True, append_images=pictures[1:], duration=durations, loop=0
    )
    return buffer.getvalue()
