"""The picture of the HTML page: what its template and its script are given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from markupsafe import Markup

from analytic.calculus.notation import Expr, Tensor
from analytic.render import _html_try
from analytic.telling.message import Message, _
from analytic.telling.picture import Picture, Pictured

#: A plane with a longer side is drawn in small cells without their names.
MOST_NAMED = 12
#: Further cells are left out: a page of more is slow on a phone.
MOST_CELLS = 70_000

NAMES = {
    "X": _("input"),
    "K": _("kernel"),
    "Y": _("output"),
    "G": _("derivative of the cost with respect to the output"),
}

WORDS = {
    "heading": _("The picture"),
    "hint": _(
        "Point at a cell, tap it, or reach it with the Tab and arrow keys: what it meets lights "
        "up. Escape puts the lights out."
    ),
    "nothing": _("Nothing is pointed at."),
    "contents": _("Contents"),
    "pixel": _("Pixel"),
    "element": _("Kernel element"),
    "output": _("Output"),
    "case": _("Takes part"),
    "outputs": _("Outputs"),
    "pixels": _("Pixels"),
    "gradient": _("Its gradient"),
    "value": _("Its value"),
    "none": _("none"),
    "legend_focus": _("pointed at"),
    "legend_lit": _("meets it"),
    "legend_kin": _("same case"),
    "scroll": _("wide: scrolls sideways"),
    **_html_try.WORDS,
}


def view(
    picture: Picture, say: Callable[[Message], str], math: Callable[[Expr], Markup]
) -> dict[str, Any]:
    """What the template draws, and the data by which the script knows what to light."""
    left = MOST_CELLS
    drawn = []
    for pictured in picture.tensors:
        planes, left = _planes(pictured, left, math)
        drawn.append(
            {
                "role": pictured.role,
                "letter": pictured.tensor.name,
                "name": say(NAMES[pictured.role]),
                "planes": planes,
                "left_out": len(list(pictured.planes())) - len(planes),
            }
        )
    return {"tensors": drawn, "data": data(picture, say), "forms": _html_try.forms(picture)}


def _planes(
    pictured: Pictured, left: int, math: Callable[[Expr], Markup]
) -> tuple[list[dict[str, Any]], int]:
    tensor = pictured.tensor
    height, width = tensor.shape[-2:]
    is_named = max(height, width) <= MOST_NAMED
    planes: list[dict[str, Any]] = []
    for leading, label in pictured.planes():
        # The first plane is drawn, whatever its size.
        if planes and height * width > left:
            break
        left -= height * width
        rows = [
            [math(tensor[(*leading, row, column)]) if is_named else "" for column in range(width)]
            for row in range(height)
        ]
        planes.append(
            {
                "leading": leading,
                "label": math(label),
                "rows": rows,
                "named": is_named,
                "sides": max(height, width),
            }
        )
    return planes, left


def data(picture: Picture, say: Callable[[Message], str]) -> dict[str, Any]:
    """What the page's scripts know: the tensors, who meets whom, and how it is said."""
    return {
        "tensors": {pictured.role: _tensor(pictured.tensor) for pictured in picture.tensors},
        "bias": None if picture.bias is None else _tensor(picture.bias),
        "rows": picture.rows,
        "columns": picture.columns,
        "channels": picture.channels,
        "cases": {str(count): say(name) for count, name in picture.cases},
        "words": {name: say(message) for name, message in WORDS.items()},
    }


def _tensor(tensor: Tensor) -> dict[str, Any]:
    return {"name": tensor.name, "shape": tensor.shape, "written": tensor.written}
