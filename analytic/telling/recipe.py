"""How to carry a closed form out, step by step, fitted to its geometry."""

from __future__ import annotations

from analytic.calculus.closed_form import input_gradient_sides, kernel_gradient_size
from analytic.calculus.geometry import Geometry
from analytic.calculus.notation import Symbol
from analytic.telling.message import Message, _, _n
from analytic.telling.wording import both, size_text


def kernel_construction(geometry: Geometry, X: Symbol, G: Symbol) -> list[Message]:
    """How to carry it out, where there is more to it than sliding one over the other."""
    result = []
    if any(geometry.sides):
        result.append(_("Pad {X} as in the forward pass.", X=X))
    if geometry.stride != (1, 1):
        result.append(_spread(geometry, G))
    if geometry.dilation != (1, 1):
        result.append(
            _(
                "Slide it over {X} in steps of the dilation, {size}.",
                X=X,
                size=both(geometry.dilation),
            )
        )
    elif result:
        result.append(_("Slide it over {X} in steps of one.", X=X))
    stops = kernel_gradient_size(geometry)
    if stops != geometry.kernel:
        result.append(
            _(
                "Of the {stops} stops keep the first {kernel}: the rest come from the pixels that "
                "the stride leaves over.",
                stops=size_text(stops),
                kernel=size_text(geometry.kernel),
            )
        )
    return result


def input_construction(geometry: Geometry, G: Symbol, K: Symbol) -> list[Message]:
    """How to carry it out."""
    result = []
    if geometry.stride != (1, 1):
        result.append(_spread(geometry, G))
    if geometry.dilation != (1, 1):
        result.append(spread_kernel(geometry, K))
    top, bottom, left, right = input_gradient_sides(geometry)
    result.append(
        _(
            "Pad {G}: {top} at the top, {bottom} at the bottom, {left} on the left, {right} on the "
            "right.",
            G=G,
            top=top,
            bottom=bottom,
            left=left,
            right=right,
        )
    )
    if min(top, bottom, left, right) < 0:
        result.append(_("A negative number crops: there, {G} saw nothing but padding.", G=G))
    result.append(_("Flip {K} in both directions and slide it over, in steps of one.", K=K))
    if any(axis.remainder > axis.after for axis in (geometry.rows, geometry.columns)):
        result.append(
            _("The pixels that the stride leaves over meet nothing but zeros: their gradient is 0.")
        )
    return result


def spread_kernel(geometry: Geometry, K: Symbol) -> Message:
    """What dilation does."""
    return _(
        "Spread {K} by the dilation: {rows} between its rows, {columns} between its columns.",
        K=K,
        rows=_zeros(geometry.dilation[0] - 1),
        columns=_zeros(geometry.dilation[1] - 1),
    )


def _spread(geometry: Geometry, G: Symbol) -> Message:
    return _(
        "Spread {G} by the stride: {rows} between its rows, {columns} between its columns.",
        G=G,
        rows=_zeros(geometry.stride[0] - 1),
        columns=_zeros(geometry.stride[1] - 1),
    )


def _zeros(number: int) -> Message:
    return _n("{number} zero", "{number} zeros", number)
