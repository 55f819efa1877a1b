"""Exercise 1 in pictures: the directions of the bowl, runs beside the limit, what is left."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import torch
from matplotlib.figure import Figure

from conv_reference.chapter.curvature import Curvature
from conv_reference.chapter.figures.parts import show_filtered
from conv_reference.chapter.figures.theme import COLOURS, GREY

Gettext = Callable[[str], str]


def directions(bowl: Curvature, size: tuple[int, int], _: Gettext) -> Figure:
    """The eigenvalues, each above its eigenvector drawn as a kernel, steepest first."""
    values, vectors = bowl.eigenvalues.flip(0), bowl.directions.flip(0)
    figure = Figure(figsize=(7, 3.2), layout="constrained")
    grid = figure.add_gridspec(2, len(values), height_ratios=[2.2, 1])
    axes = figure.add_subplot(grid[0, :])
    axes.bar(range(len(values)), values.tolist(), color=COLOURS[0], width=0.6)
    for place, value in enumerate(values.tolist()):
        axes.text(place, value * 1.15, f"{value:.3g}", ha="center", fontsize=8)
    axes.set(yscale="log", ylabel=_("curvature λ"), xlim=(-0.5, len(values) - 0.5))
    axes.set_ylim(float(values[-1]) / 2, float(values[0]) * 3)
    axes.set_xticks([])
    limit = float(vectors.abs().max())
    for place, vector in enumerate(vectors):
        # Its sign is arbitrary: the greatest element is shown positive.
        upright = vector * vector[vector.abs().argmax()].sign()
        below = figure.add_subplot(grid[1, place])
        show_filtered(below, upright.reshape(size), limit)
    return figure


def runs(losses: Mapping[str, Sequence[float]], _: Gettext) -> Figure:
    """The losses of several runs by name, until they leave float32."""
    figure = Figure(figsize=(7, 3), layout="constrained")
    axes = figure.subplots()
    for (name, values), colour in zip(losses.items(), COLOURS, strict=False):
        finite = [value for value in values if math.isfinite(value)]
        axes.plot(finite, color=colour, label=name, marker="." if len(finite) < 12 else None)
    axes.set(yscale="log", xlabel=_("step"), ylabel=_("loss"))
    axes.grid(axis="y")
    axes.legend()
    return figure


def left_over(predicted: torch.Tensor, measured: torch.Tensor, _: Gettext) -> Figure:
    """What is left of the first difference in each direction: predicted, and measured.

    Args:
        predicted: (k,), steepest first.
        measured: the same.
    """
    figure = Figure(figsize=(7, 2.6), layout="constrained")
    axes = figure.subplots()
    floor = 1e-7
    places = range(len(predicted))
    axes.plot(
        places,
        predicted.abs().clamp(min=floor).tolist(),
        "o",
        color=GREY,
        markersize=9,
        fillstyle="none",
        label=_("predicted"),
    )
    axes.plot(
        places, measured.abs().clamp(min=floor).tolist(), "x", color=COLOURS[1], label=_("measured")
    )
    axes.set(yscale="log", ylabel=_("share that is left"), xlabel=_("direction, steepest first"))
    axes.set_ylim(floor / 2, 3)
    axes.set_xticks(list(places), [str(place + 1) for place in places])
    axes.grid(axis="y")
    axes.legend(loc="lower right")
    return figure
