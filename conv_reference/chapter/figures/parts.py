"""What several figures draw: a kernel with its numbers, an image, a filtered image."""

from __future__ import annotations

import torch
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from torch import Tensor

# Purple and orange part zero for the colour-blind, too.
DIVERGING = "PuOr_r"


def show_kernel(axes: Axes, kernel: Float[Tensor, "kh kw"], limit: float, *, digits: int) -> None:
    """The kernel's elements as colours, with the numbers written into them.

    Args:
        axes: to draw in.
        kernel: of any size.
        limit: the value of the deepest colour, more than 0.
        digits: after the point.
    """
    axes.imshow(kernel.numpy(), cmap=DIVERGING, vmin=-limit, vmax=limit)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    size = min(9.0, 40 / max(kernel.shape))
    for (row, column), value in zip(
        torch.cartesian_prod(*map(torch.arange, kernel.shape)).tolist(),
        kernel.flatten().tolist(),
        strict=True,
    ):
        colour = "white" if abs(value) > 0.65 * limit else "black"
        text = _signed(value, digits)
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=size)


def _signed(value: float, digits: int) -> str:
    """A number with its sign, where it is not rounded to zero.

    >>> _signed(0.5, 2), _signed(-1.0, 0), _signed(-0.001, 2), _signed(0.0, 0)
    ('+0.50', '−1', '0.00', '0')
    """
    text = f"{value:+.{digits}f}" if digits else f"{value:+.3g}"
    return text.replace("-", "−") if float(text) else text[1:]


def show_image(axes: Axes, image: Float[Tensor, "h w"]) -> None:
    """A photograph, 0..1 from black to white."""
    axes.imshow(image.numpy(), cmap="gray", vmin=0, vmax=1)
    axes.set_axis_off()


def show_filtered(axes: Axes, filtered: Float[Tensor, "h w"], limit: float) -> AxesImage:
    """What a filter answers, from -limit to limit; zero is white."""
    axes.set_axis_off()
    return axes.imshow(filtered.numpy(), cmap=DIVERGING, vmin=-limit, vmax=limit)
