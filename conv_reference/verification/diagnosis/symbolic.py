"""What an element should be, in symbols: from the independent derivation of ``analytic``.

It brings sympy, which takes a second to import: only when there is something to explain.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from conv_reference.geometry import Geometry
from conv_reference.verification.diagnosis.readout import Index, Terms

if TYPE_CHECKING:
    from analytic import Derivation
    from analytic import Geometry as AnalyticGeometry
else:
    AnalyticGeometry = Derivation = Any

MOST_PRODUCTS = 20_000  # of one forward pass; the derivation of more takes seconds


def can_derive(geometry: Geometry) -> bool:
    """Whether the derivation is small enough to be made while somebody waits."""
    o, c, kh, kw = geometry.weight_shape
    positions = geometry.batch * geometry.output_size[0] * geometry.output_size[1]
    return 0 < positions * o * c * kh * kw <= MOST_PRODUCTS


def derived_terms(geometry: Geometry, quantity: str, index: Index, *, bias: bool) -> Terms:
    """The terms of one element of Y, dX, dK or db.

    Args:
        geometry: for which ``can_derive``.
        quantity: Y, dX, dK or db.
        index: in full, (n, o, i, j) for Y.
        bias: whether Y has one.
    """
    derivation = _derivation(geometry, bias or quantity == "db")
    elements = {
        "Y": derivation.output,
        "dX": derivation.gradient_input.elements,
        "dK": derivation.gradient_kernel.elements,
        "db": None if derivation.gradient_bias is None else derivation.gradient_bias.elements,
    }[quantity]
    assert elements is not None
    return {
        _factors(derivation, quantity, term): 1.0
        for term in elements[index].as_ordered_terms()
        if term != 0
    }


def participation(geometry: Geometry, index: Index) -> int:
    """The number of output positions in which the pixel (n, c, u, v) takes part."""
    return len(_analytic(geometry, bias=False).participation(*index[2:]))


@lru_cache(maxsize=8)
def _derivation(geometry: Geometry, bias: bool) -> Derivation:
    from analytic import derive

    return derive(_analytic(geometry, bias=bias))


def _analytic(geometry: Geometry, *, bias: bool) -> AnalyticGeometry:
    from analytic import Geometry as Symbolic

    (top, bottom), (left, right) = geometry.padding
    return Symbolic(
        geometry.input_size,
        geometry.kernel_size,
        stride=geometry.stride,
        padding=(top, bottom, left, right),
        dilation=geometry.dilation,
        batch=geometry.batch,
        in_channels=geometry.in_channels,
        out_channels=geometry.out_channels,
        groups=geometry.groups,
        bias=bias,
    )


def _factors(derivation: Derivation, quantity: str, term: Any) -> tuple[Index, Index]:
    """The indices of a term's factors, in the order of ``readout.FACTORS``."""
    d = derivation
    first, second = {
        "Y": (d.K, d.X), "dX": (d.G, d.K), "dK": (d.G, d.X), "db": (d.G, None)
    }[quantity]  # fmt: skip
    found: dict[str, Index] = {}
    for symbol in term.free_symbols:
        if symbol in first.indices:
            found["first"] = first.indices[symbol]
        elif second is not None and symbol in second.indices:
            found["second"] = second.indices[symbol]
        elif d.b is not None:
            found["first"] = d.b.indices[symbol]
    return found["first"], found.get("second", ())
