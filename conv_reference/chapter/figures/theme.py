"""Figures that follow the page: its text colour, its fonts, and light or dark alike."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

# The colour-blind can distinguish each from the others, and all from white and near-black.
COLOURS = ("#2f7fd1", "#c8701a", "#2f9463", "#a064c8", "#d0505f")
GREY = "#8a8f98"

# Drawn in place of the text's colour, which the page decides.
_TEXT = "#010203"
_STYLE: Any = {
    "text.color": _TEXT,
    "axes.edgecolor": GREY,
    "axes.labelcolor": _TEXT,
    "axes.titlesize": 9.0,
    "axes.labelsize": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "font.size": 9.0,
    "grid.color": GREY,
    "grid.alpha": 0.3,
    "grid.linewidth": 0.5,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "lines.linewidth": 1.4,
    "xtick.color": _TEXT,
    "ytick.color": _TEXT,
    "image.interpolation": "none",  # the pixels themselves; the browser enlarges them
    "svg.fonttype": "none",  # text stays text
}


@contextmanager
def page_style() -> Iterator[None]:
    """Inside it, figures are drawn and written for a page."""
    with mpl.rc_context(_STYLE):
        yield


def svg(figure: Figure, name: str) -> str:
    """The figure as an ``<svg>`` element that may stand beside others in one page.

    Args:
        figure: drawn, and written, in ``page_style``.
        name: unique in the page; of letters, digits and hyphens.
    """
    buffer = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    # Identifiers are unique in a figure, not in a page.
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = re.sub(r'(href="|url\()#', rf"\1#{name}-", text)
    # The page sizes it; the viewBox keeps its shape.
    text = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", text, count=1)
    return text.replace(_TEXT, "currentColor").strip()
