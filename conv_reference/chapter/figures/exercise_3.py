"""Exercise 3 in a picture: the patch whose derivation is printed."""

from __future__ import annotations

from collections.abc import Callable

from jaxtyping import Float, Int
from matplotlib.figure import Figure
from torch import Tensor

from conv_reference.chapter.figures.parts import show_image
from conv_reference.chapter.figures.theme import COLOURS

Gettext = Callable[[str], str]


def patch(
    image: Float[Tensor, "h w"], pixels: Int[Tensor, "2 3"], corner: tuple[int, int], _: Gettext
) -> Figure:
    """Where the patch of exercise 3 lies in its garment, and its pixels' numbers."""
    figure = Figure(figsize=(7, 2.7), layout="constrained")
    left, right = figure.subplots(1, 2)
    show_image(left, image)
    (row, column), (height, width) = corner, pixels.shape
    left.plot(
        [column - 0.5, column + width - 0.5, column + width - 0.5, column - 0.5, column - 0.5],
        [row - 0.5, row - 0.5, row + height - 0.5, row + height - 0.5, row - 0.5],
        color=COLOURS[1],
        linewidth=2,
    )
    left.set_title(_("the garment"))
    show_image(right, pixels.float() / 255)
    for (i, j), value in zip(
        [(i, j) for i in range(height) for j in range(width)],
        pixels.flatten().tolist(),
        strict=True,
    ):
        right.text(
            j,
            i,
            str(value),
            ha="center",
            va="center",
            color="black" if value > 120 else "white",
            fontsize=12,
        )
    right.set_title(_("its patch X"))
    return figure
