"""Exercise 2 in pictures: the output's variance against K, and the runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from conv_reference.chapter.figures.theme import COLOURS
from conv_reference.chapter.figures.trend import trend
from conv_reference.chapter.initialisation import Spread
from conv_reference.chapter.training import Run

Gettext = Callable[[str], str]
NAMES = {"unit": "U[0, 1]", "scaled": "U[−1/√K, 1/√K]"}


def against_size(spreads: Sequence[Spread], _: Gettext) -> Figure:
    """Variance and first loss against K: theory as lines, measurement as dots."""
    figure = Figure(figsize=(7, 3), layout="constrained")
    left, right = figure.subplots(1, 2)
    _pairs(left, spreads, "variance")
    _pairs(right, spreads, "loss")
    left.set_title(_("variance of the output"))
    right.set_title(_("loss at the start"))
    for axes in (left, right):
        axes.set(xscale="log", yscale="log", xlabel=_("K, elements of the kernel"))
        sizes = sorted({spread.elements for spread in spreads})
        axes.set_xticks(sizes, [str(size) for size in sizes])
        axes.minorticks_off()
        axes.grid(axis="y")
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def _pairs(axes: Axes, spreads: Sequence[Spread], quantity: str) -> None:
    for (init, name), colour in zip(NAMES.items(), COLOURS, strict=False):
        own = [spread for spread in spreads if spread.init == init]
        sizes = [spread.elements for spread in own]
        pairs = [getattr(spread, quantity) for spread in own]
        axes.plot(sizes, [theory for theory, _ in pairs], color=colour, label=name)
        axes.plot(sizes, [measured for _, measured in pairs], "o", color=colour, markersize=5)


def both_runs(pairs: Sequence[tuple[Run, Run]], _: Gettext) -> Figure:
    """The losses from both first kernels, one panel for each size."""
    figure = Figure(figsize=(7, 2.8), layout="constrained")
    grid = figure.subplots(1, len(pairs), sharey=True, squeeze=False)[0]
    for axes, pair in zip(grid, pairs, strict=True):
        for run, colour in zip(pair, COLOURS, strict=False):
            label = NAMES[run.settings.init]
            axes.plot(trend(run.losses), color=colour, label=label)
        height, width = pair[0].settings.kernel_size
        axes.set(yscale="log", xlabel=_("minibatch"), title=f"{height}×{width}")
        axes.grid(axis="y")
    grid[0].set_ylabel(_("loss, its trend"))
    figure.legend(*grid[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure
