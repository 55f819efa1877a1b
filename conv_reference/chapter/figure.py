"""The chapter's figure: the two kernels, one image, and both filters applied to it."""

from __future__ import annotations

from pathlib import Path

import torch
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from conv_reference.chapter.training import EDGE_DETECTOR, edge_detector

# Blue and orange part zero for the colour-blind, too.
_DIVERGING = "PuOr_r"


def draw(image: Float[Tensor, "h w"], learned: Float[Tensor, "3 3"]) -> Figure:
    """The figure.

    Args:
        image: 0..1.
        learned: the kernel that the experiment found.
    """
    fixed = torch.tensor(EDGE_DETECTOR)
    layer = edge_detector()
    with torch.no_grad():
        by_fixed = layer(image[None])[0]
        layer.kernel.copy_(learned)
        by_learned = layer(image[None])[0]
    figure = Figure(figsize=(10, 6.6), layout="constrained")
    figure.suptitle(
        "A kernel that learned to be an edge detector\n"
        "It subtracts the rows above from the rows below, so it answers to horizontal edges"
    )
    (upper, lower) = figure.subplots(2, 3)
    _kernel(upper[0], fixed, "The fixed kernel K")
    _kernel(upper[1], learned, "The learned kernel")
    _kernel(upper[2], learned - fixed, "Learned - fixed")
    lower[0].imshow(image.numpy(), cmap="gray", vmin=0, vmax=1)
    lower[0].set_title("An image")
    largest = float(by_fixed.abs().max())
    for axes, filtered, title in (
        (lower[1], by_fixed, "Filtered with K"),
        (lower[2], by_learned, "Filtered with the learned kernel"),
    ):
        drawn = axes.imshow(filtered.numpy(), cmap=_DIVERGING, vmin=-largest, vmax=largest)
        axes.set_title(title)
    figure.colorbar(drawn, ax=list(lower[1:]), shrink=0.8, label="brightness below - above")
    for axes in lower:
        axes.set_axis_off()
    return figure


def save(figure: Figure, path: Path) -> None:
    """Write the figure as PNG; the file appears whole or not at all.

    Raises:
        OSError: when the folder cannot be written.
    """
    unfinished = path.with_suffix(".part")
    figure.savefig(unfinished, format="png", dpi=150)
    unfinished.replace(path)


def _kernel(axes: Axes, kernel: Tensor, title: str) -> None:
    axes.imshow(kernel.numpy(), cmap=_DIVERGING, vmin=-1.25, vmax=1.25)
    axes.set_title(title)
    axes.set_xticks([])
    axes.set_yticks([])
    for row in range(kernel.shape[0]):
        for column in range(kernel.shape[1]):
            value = float(kernel[row, column])
            colour = "white" if abs(value) > 0.8 else "black"
            axes.text(column, row, f"{value:+.3f}", ha="center", va="center", color=colour)
