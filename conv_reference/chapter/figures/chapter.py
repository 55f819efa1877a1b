"""The chapter's own figure: the two kernels, one image, and both filters applied to it."""

from __future__ import annotations

from jaxtyping import Float
from matplotlib.figure import Figure
from torch import Tensor

from conv_reference.chapter.figures.parts import show_filtered, show_image, show_kernel
from conv_reference.chapter.filters import make_filter

# What is seen with each filter; of the chapter's own, it is not what the chapter says.
_ANSWERS: dict[str, str] = {
    "edge": "It subtracts the rows above from the rows below, so it answers to horizontal edges",
    "sobel": "It subtracts the columns on the left from those on the right: vertical edges",
    "laplacian": "It answers to a pixel that differs from its four neighbours",
    "blur": "It averages each pixel with its neighbours",
    "sharpen": "It enlarges a pixel's difference from its four neighbours",
}


def draw(
    image: Float[Tensor, "h w"],
    learned: Float[Tensor, "kh kw"],
    fixed: Float[Tensor, "kh kw"],
    target: str = "edge",
) -> Figure:
    """The figure.

    Args:
        image: 0..1.
        learned: the kernel that the experiment found, finite.
        fixed: K.
        target: K's name.
    """
    by_fixed, by_learned = (
        make_filter("chapter", kernel, learns=False)(image[None])[0] for kernel in (fixed, learned)
    )
    figure = Figure(figsize=(10, 6.6), layout="constrained")
    name = "be an edge detector" if target == "edge" else f"filter: {target}"
    figure.suptitle(f"A kernel that learned to {name}\n{_ANSWERS[target]}")
    (upper, lower) = figure.subplots(2, 3)
    limit = 1.25 * float(fixed.abs().max())
    for axes, kernel, title in (
        (upper[0], fixed, "The fixed kernel K"),
        (upper[1], learned, "The learned kernel"),
        (upper[2], learned - fixed, "Learned - fixed"),
    ):
        show_kernel(axes, kernel, limit, digits=3)
        axes.set_title(title)
    show_image(lower[0], image)
    lower[0].set_title("An image")
    largest = float(by_fixed.abs().max())
    for axes, filtered, title in (
        (lower[1], by_fixed, "Filtered with K"),
        (lower[2], by_learned, "Filtered with the learned kernel"),
    ):
        drawn = show_filtered(axes, filtered, largest)
        axes.set_title(title)
    figure.colorbar(drawn, ax=list(lower[1:]), shrink=0.8, label="the filter's answer")
    return figure
