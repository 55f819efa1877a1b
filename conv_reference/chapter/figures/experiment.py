"""The experiment's story: the loss, the kernel's way, its nine weights, and what it does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from matplotlib.figure import Figure
from torch import Tensor

from conv_reference.chapter.figures.parts import show_filtered, show_image, show_kernel
from conv_reference.chapter.figures.theme import COLOURS, GREY
from conv_reference.chapter.figures.trend import trend
from conv_reference.chapter.filters import make_filter
from conv_reference.chapter.training import Run

Gettext = Callable[[str], str]


def loss_curve(run: Run, _: Gettext) -> Figure:
    """The loss of each minibatch, and its trend, on a logarithmic scale."""
    figure = Figure(figsize=(7, 2.8), layout="constrained")
    axes = figure.subplots()
    steps = range(1, run.done + 1)
    axes.plot(
        steps, run.losses, color=COLOURS[0], alpha=0.6, linewidth=0.8, label=_("one minibatch")
    )
    axes.plot(steps, trend(run.losses), color=COLOURS[1], label=_("trend about each minibatch"))
    axes.set(yscale="log", xlabel=_("minibatch"), ylabel=_("loss"))
    axes.grid(axis="y")
    axes.legend()
    return figure


def moments_shown(done: int, count: int = 7, *, ratio: float = 3) -> list[int]:
    """After how many minibatches the kernel is shown: at first closely, then rarely.

    >>> moments_shown(938)
    [0, 4, 12, 35, 104, 313, 938]
    """
    later = [done / ratio**place for place in range(count - 1)]
    return sorted({0, *(round(step) for step in later)})


def frames(run: Run, _: Gettext) -> Figure:
    """The kernel from noise to filter, in a few frames, with K at the end."""
    fixed = run.settings.fixed_kernel()
    limit = 1.25 * float(fixed.abs().max())
    shown = moments_shown(run.done)
    figure = Figure(figsize=(7, 3.9), layout="constrained")
    grid = list(figure.subplots(2, 4).flat)
    for axes, step in zip(grid, shown, strict=False):
        show_kernel(axes, run.kernels[step], limit, digits=2)
        axes.set_title(_("at first") if step == 0 else _("after {step}").format(step=step))
    for axes in grid[len(shown) : -1]:
        axes.set_axis_off()
    show_kernel(grid[-1], fixed, limit, digits=0)
    grid[-1].set_title("K")
    return figure


def weights(run: Run, _: Gettext) -> Figure:
    """Each element of the kernel over time, coloured by its row."""
    figure = Figure(figsize=(7, 3.2), layout="constrained")
    axes = figure.subplots()
    over_time = torch.stack(run.kernels)
    for row in range(over_time.shape[1]):
        colour = COLOURS[row % len(COLOURS)]
        for column in range(over_time.shape[2]):
            label = _("row {row}").format(row=row) if column == 0 else None
            axes.plot(over_time[:, row, column].tolist(), color=colour, label=label)
    for value in sorted(set(run.settings.fixed_kernel().flatten().tolist())):
        axes.axhline(value, color=GREY, linestyle=":", linewidth=1)
    axes.set(xlabel=_("minibatch"), ylabel=_("weight"))
    axes.set_xscale("symlog", linthresh=1)
    axes.set_xlim(0, run.done)
    axes.legend(loc="upper left", ncols=over_time.shape[1])
    return figure


def garments(images: Float[Tensor, "n h w"], run: Run, _: Gettext) -> Figure:
    """Several images, K and the learned kernel applied to each, and the difference."""
    fixed, learned = (
        make_filter("chapter", kernel, learns=False)(images)
        for kernel in (run.settings.fixed_kernel(), run.kernel)
    )
    difference = learned - fixed
    limits = [float(fixed.abs().max())] * 2 + [float(difference.abs().max())]
    figure = Figure(figsize=(7, 1.6 * len(images) + 0.8), layout="constrained")
    grid = figure.subplots(len(images), 4, squeeze=False)
    for row, image, *answers in zip(grid, images, fixed, learned, difference, strict=True):
        show_image(row[0], image)
        for axes, answer, limit in zip(row[1:], answers, limits, strict=True):
            drawn = show_filtered(axes, answer, limit)
            if axes is row[2]:
                main = drawn
    for axes, title in zip(
        grid[0],
        (_("image"), _("filtered with K"), _("with the learned"), _("difference")),
        strict=True,
    ):
        axes.set_title(title)
    below: Any = {"orientation": "horizontal", "shrink": 0.9, "aspect": 30, "pad": 0.02}
    figure.colorbar(main, ax=list(grid[:, 1:3].flat), **below)
    figure.colorbar(drawn, ax=list(grid[:, 3]), **(below | {"aspect": 15}))
    return figure
