"""What an element should be, in symbols: from the independent derivation of ``analytic``.

It imports sympy, which takes a second: only when there is something to explain.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import chain, product
from typing import TYPE_CHECKING, Any

from conv_reference.geometry import Geometry
from conv_reference.padding_modes import inside
from conv_reference.quantities import CONV2D, QUANTITIES, Operator
from conv_reference.verification import own
from conv_reference.verification.diagnosis.explaining.readout import Index, Terms

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


@own.derivation()
def derived_terms(
    geometry: Geometry,
    quantity: str,
    index: Index,
    *,
    bias: bool,
    operator: Operator = CONV2D,
) -> Terms:
    """The terms of one element of Y, dX, dK or db.

    Args:
        geometry: for which ``can_derive``.
        quantity: Y, dX, dK or db.
        index: in full, (n, o, i, j) for Y.
        bias: whether Y has one.
        operator: whose quantity it is: it says which face of the derived form.
    """
    if quantity == "db":
        return {
            (place, ()): 1.0 for place in _summed(operator.shape("grad_output", geometry), index)
        }
    if geometry.padding_mode != "zeros":
        return _of_mode(geometry, quantity, index, bias=bias)
    derivation = _derivation(geometry)
    face = operator.place(QUANTITIES[quantity].of)
    elements = {
        "grad_output": derivation.output,
        "input": derivation.gradient_input.elements,
        "weight": derivation.gradient_kernel.elements,
    }[face]
    places = [operator.place(role) for role in QUANTITIES[quantity].factors]
    terms: Terms = {
        _factors(derivation, term, *places): 1.0
        for term in elements[index].as_ordered_terms()
        if term != 0
    }
    if bias and quantity == "Y":
        terms[(index[1],), ()] = 1.0
    return terms


def _of_mode(geometry: Geometry, quantity: str, index: Index, *, bias: bool) -> Terms:
    """Those of what was padded, each of its pixels under the name of the one that it copies."""
    (top, bottom), (left, right) = geometry.padding
    mode, (height, width) = geometry.padding_mode, geometry.input_size
    rows = [inside(place, height, mode) or 0 for place in range(-top, height + bottom)]
    columns = [inside(place, width, mode) or 0 for place in range(-left, width + right)]
    whole = replace(geometry, input_size=geometry.padded_size, padding=((0, 0), (0, 0)))
    if QUANTITIES[quantity].of == "input":
        n, c, row, column = index
        copies = product(_places(rows, row), _places(columns, column))
        return _added(derived_terms(whole, quantity, (n, c, *copy), bias=bias) for copy in copies)
    at = QUANTITIES[quantity].factors.index("input")

    def copied(key: tuple[Index, Index]) -> tuple[Index, Index]:
        if not key[at]:  # the bias
            return key
        n, c, row, column = key[at]
        pixel = (n, c, rows[row], columns[column])
        return (pixel, key[1]) if at == 0 else (key[0], pixel)

    terms = derived_terms(whole, quantity, index, bias=bias)
    return _added({copied(key): value} for key, value in terms.items())


def _added(parts: Iterable[Terms]) -> Terms:
    total: Terms = {}
    for key, value in chain.from_iterable(part.items() for part in parts):
        total[key] = total.get(key, 0.0) + value
    return total


def _places(copied: Sequence[int], of: int) -> list[int]:
    return [place for place, pixel in enumerate(copied) if pixel == of]


def _summed(shape: tuple[int, ...], channel: Index) -> Iterator[Index]:
    """Where G has a number of the channel."""
    n, _, h, w = shape
    yield from product(range(n), channel, range(h), range(w))


@own.derivation()
def participation(geometry: Geometry, index: Index) -> int:
    """The number of output positions in which the pixel (n, c, u, v) takes part."""
    return len(_analytic(geometry).participation(*index[2:]))


@lru_cache(maxsize=8)
def _derivation(geometry: Geometry) -> Derivation:
    from analytic import derive

    return derive(_analytic(geometry))


def _analytic(geometry: Geometry) -> AnalyticGeometry:
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
        bias=False,
    )


def _factors(derivation: Derivation, term: Any, *places: str) -> tuple[Index, Index]:
    """The indices of a term's two factors, which stand for these operands of the form."""
    of_form = {"input": derivation.X, "weight": derivation.K, "grad_output": derivation.G}
    first, second = (
        next(of_form[place].indices[s] for s in term.free_symbols if s in of_form[place].indices)
        for place in places
    )
    return first, second
