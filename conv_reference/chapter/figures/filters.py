"""Other filters in pictures: each one's kernel, and its loss."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from jaxtyping import Float
from matplotlib.figure import Figure
from torch import Tensor

from conv_reference.chapter.figures.parts import show_filtered, show_kernel
from conv_reference.chapter.figures.theme import COLOURS
from conv_reference.chapter.figures.trend import trend
from conv_reference.chapter.filters import make_filter
from conv_reference.chapter.training import Run

Gettext = Callable[[str], str]


def kernels(image: Float[Tensor, "h w"], runs: Sequence[Run], _: Gettext) -> Figure:
    """Each filter: K, the kernel that was learned, and what both make of one image."""
    figure = Figure(figsize=(7, 1.55 * len(runs) + 0.3), layout="constrained")
    grid = figure.subplots(len(runs), 4, squeeze=False)
    for row, run in zip(grid, runs, strict=True):
        fixed = run.settings.fixed_kernel()
        limit = 1.25 * float(fixed.abs().max())
        show_kernel(row[0], fixed, limit, digits=2)
        show_kernel(row[1], run.kernel, limit, digits=2)
        answers = [
            make_filter("chapter", kernel, learns=False)(image[None])[0]
            for kernel in (fixed, run.kernel)
        ]
        greatest = float(answers[0].abs().max())
        for axes, answer in zip(row[2:], answers, strict=True):
            show_filtered(axes, answer, greatest)
        row[0].set_ylabel(run.settings.target)
    for axes, title in zip(
        grid[0], ("K", _("learned"), _("filtered with K"), _("with the learned")), strict=True
    ):
        axes.set_title(title)
    return figure


def losses(runs: Sequence[Run], _: Gettext) -> Figure:
    """The loss of each filter's run."""
    figure = Figure(figsize=(7, 2.8), layout="constrained")
    axes = figure.subplots()
    for run, colour in zip(runs, COLOURS, strict=False):
        axes.plot(trend(run.losses), color=colour, label=run.settings.target)
    axes.set(yscale="log", xlabel=_("minibatch"), ylabel=_("loss, its trend"))
    axes.grid(axis="y")
    axes.legend(ncols=3)
    return figure
