"""The four advantages in pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from jaxtyping import Float
from matplotlib.figure import Figure
from torch import Tensor

from conv_reference.chapter.advantages.cost import Cost
from conv_reference.chapter.advantages.locality import Support
from conv_reference.chapter.advantages.translation import Equivariance
from conv_reference.chapter.figures.parts import show_filtered, show_image
from conv_reference.chapter.figures.theme import COLOURS

Gettext = Callable[[str], str]


def toeplitz(small: Float[Tensor, "p q"], whole: Float[Tensor, "r s"], _: Gettext) -> Figure:
    """The dense map of a small layer, entry by entry, and that of the whole image."""
    figure = Figure(figsize=(7, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[1.55, 1])
    drawn = left.imshow(
        small.where(small != 0, float("nan")).numpy(), cmap="viridis", aspect="auto"
    )
    left.set_title(
        _("a 6×6 image: {rows}×{columns}").format(rows=len(small), columns=small.shape[1])
    )
    figure.colorbar(
        drawn,
        ax=left,
        orientation="horizontal",
        label=_("element of the kernel"),
        ticks=range(1, 10),
    )
    right.spy(whole.numpy(), markersize=0.25, color=COLOURS[0])
    right.set_title(_("a {side}×{side} image").format(side=round(whole.shape[1] ** 0.5)))
    for axes in (left, right):
        axes.xaxis.set_ticks_position("bottom")
        axes.set(xlabel=_("pixel"), ylabel=_("output"))
        axes.spines[:].set_visible(True)
    return figure


def supports(found: Sequence[Support], _: Gettext) -> Figure:
    """The pixels that move one output, after one, two and more layers."""
    figure = Figure(figsize=(7, 2.6), layout="constrained")
    for axes, one in zip(figure.subplots(1, len(found)), found, strict=True):
        axes.imshow(one.pixels.float().numpy(), cmap="Purples", vmin=0, vmax=1.4)
        axes.set_title(
            _("{layers} layers: {count} pixels").format(layers=one.layers, count=one.count)
            if one.layers > 1
            else _("1 layer: {count} pixels").format(count=one.count)
        )
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_visible(True)
    return figure


def sleeve(
    canvases: Float[Tensor, "n h w"], answers: Float[Tensor, "n oh ow"], _: Gettext
) -> Figure:
    """A sleeve at several places, and the filter's answer to each."""
    figure = Figure(figsize=(7, 4.8), layout="constrained")
    grid = figure.subplots(2, len(canvases))
    limit = float(answers.abs().max())
    for (upper, lower), canvas, answer in zip(grid.T, canvases, answers, strict=True):
        show_image(upper, canvas / canvases.max())
        show_filtered(lower, answer, limit)
    grid[0, 0].set_title(_("the sleeve"), loc="left")
    grid[1, 0].set_title(_("the filter's answer"), loc="left")
    return figure


def equivariance(image: Float[Tensor, "h w"], found: Equivariance, _: Gettext) -> Figure:
    """An image, and where the two orders of filtering and shifting differ."""
    figure = Figure(figsize=(7, 3), layout="constrained")
    left, right = figure.subplots(1, 2)
    show_image(left, image / image.max())
    left.set_title(_("the garment"))
    limit = max(1.0, float(found.difference.abs().max()))
    drawn = show_filtered(right, found.difference, limit)
    right.set_axis_on()
    right.set_xticks([])
    right.set_yticks([])
    right.spines[:].set_visible(True)
    right.set_title(_("filter then shift, less shift then filter"))
    figure.colorbar(drawn, ax=right)
    return figure


def costs(measured: Sequence[Cost], _: Gettext) -> Figure:
    """Multiplications and time against the image's side, on logarithmic axes."""
    figure = Figure(figsize=(7, 3), layout="constrained")
    left, right = figure.subplots(1, 2)
    sides = [cost.side for cost in measured]
    for name, colour, counts, seconds in (
        (_("the layer"), COLOURS[0], "layer_multiplications", "layer_seconds"),
        (_("the dense map"), COLOURS[1], "dense_multiplications", "dense_seconds"),
    ):
        left.plot(
            sides,
            [getattr(cost, counts) for cost in measured],
            "o-",
            color=colour,
            label=name,
            markersize=4,
        )
        right.plot(
            sides,
            [getattr(cost, seconds) * 1e6 for cost in measured],
            "o-",
            color=colour,
            label=name,
            markersize=4,
        )
    left.set_title(_("multiplications"))
    right.set_title(_("microseconds for one image"))
    for axes in (left, right):
        axes.set(xscale="log", yscale="log", xlabel=_("side of the image, pixels"))
        axes.set_xticks(sides, [str(side) for side in sides])
        axes.minorticks_off()
        axes.grid(axis="y")
    left.legend()
    return figure
