"""The theorem made concrete: a geometry's Jacobians and gradients, from the general rules alone.

A second route to what `derive` finds by differentiating each output. Every pair of indices is
put to the theorem's condition, so the work grows with the product of both tensors' sizes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import product as cartesian
from typing import Any, cast

from sympy import Indexed, lambdify

from analytic.calculus.differentiation import Jacobian
from analytic.calculus.geometry import Geometry
from analytic.calculus.notation import (
    Elements,
    Expr,
    Index,
    Names,
    Symbol,
    Tensor,
    product,
    sharing_products,
    total,
)
from analytic.calculus.tensors import Tensors
from analytic.telling.formulas import a, b, i, j, n, o, u, v
from analytic.theorem.general import (
    General,
    L,
    M,
    Rule,
    d,
    e,
    f,
    g,
    general,
    h,
    k,
    l,
    m,
    p,
    q,
    s,
    t,
    w,
)


@dataclass(frozen=True)
class Instance:
    """What the theorem says of one geometry; laid out as in `Derivation`."""

    jacobian_kernel: Jacobian  # ∂Y/∂K
    jacobian_input: Jacobian  # ∂Y/∂X
    gradient_input: Elements  # ∂C/∂X, a term for each tap


@sharing_products
def instantiate(geometry: Geometry, *, names: Names | None = None) -> Instance:
    """Put a geometry's sizes into the theorem.

    Args:
        geometry: The sizes.
        names: The letters to use; X, K, Y, G and b by default.

    Raises:
        NameClashError: A tensor is named by a letter that the theorem needs.

    Example:
        >>> instance = instantiate(Geometry((2, 3), (1, 2)))
        >>> instance.gradient_input[0, 0, 1, 1]
        G_{1,0}*K_{0,1} + G_{1,1}*K_{0,0}
    """
    names = names or Names()
    tensors = Tensors.make(geometry, names)
    X, K, Y = tensors.X, tensors.K, tensors.Y
    theorem = general(names, full=True)
    by_kernel = _Compiled(theorem.by_kernel, (n, o, i, j, q, l, e, f), geometry)
    by_input = _Compiled(theorem.by_input, (n, o, i, j, t, w, u, v), geometry)
    return Instance(
        by_kernel.jacobian(Y, K, {theorem.X: X}),
        by_input.jacobian(Y, X, {theorem.K: K}),
        _gradient_input(geometry, theorem, tensors),
    )


class _Compiled:
    """A rule as two functions of numbers: whether there is a value, and which elements it has."""

    def __init__(self, rule: Rule, arguments: tuple[Symbol, ...], geometry: Geometry) -> None:
        elements = tuple(rule.value.atoms(Indexed))
        self._bases = tuple(element.base for element in elements)
        indices = tuple(element.indices for element in elements)
        self._holds = _compiled(arguments, rule.condition, geometry)
        self._indices = _compiled(arguments, indices, geometry)

    def __call__(self, place: Index, tensors: Mapping[Expr, Tensor]) -> Expr | None:
        """The value at this place, or None where it is zero."""
        if not self._holds(*place):
            return None
        found = zip(self._bases, self._indices(*place), strict=True)
        return product(*(tensors[base][tuple(map(int, index))] for base, index in found))

    def jacobian(self, of: Tensor, by: Tensor, tensors: Mapping[Expr, Tensor]) -> Jacobian:
        """The values at all pairs of indices."""
        found = (((row, column), self((*row, *column), tensors)) for row in of for column in by)
        return Jacobian(of, by, {place: value for place, value in found if value is not None})


def _gradient_input(geometry: Geometry, theorem: General, tensors: Tensors) -> Elements:
    tap = _Compiled(theorem.tap, (t, w, u, v, o, a, b), geometry)
    limits = tuple(limit[1:] for limit in theorem.gradient_by_taps.limits)
    bounds = _compiled((t, w, u, v), limits, geometry)
    by_base = {theorem.G: tensors.G, theorem.K: tensors.K}

    def values(pixel: Index) -> Iterator[Expr]:
        ranges = (range(low, high + 1) for low, high in bounds(*pixel))
        for counted in cartesian(*ranges):
            value = tap((*pixel, *counted), by_base)
            if value is not None:
                yield value

    return {pixel: total(values(pixel)) for pixel in tensors.X}


def _compiled(
    arguments: tuple[Symbol, ...], expression: Any, geometry: Geometry
) -> Callable[..., Any]:
    """The expression as a function of numbers, the geometry's sizes put in."""
    rows, columns = geometry.rows, geometry.columns
    inputs, outputs = geometry.group_inputs, geometry.group_outputs
    sizes: dict[Symbol, int] = {g: geometry.groups, L: inputs, M: outputs}
    for pair, name in (
        (h, "input"),
        (k, "kernel"),
        (m, "output"),
        (s, "stride"),
        (d, "dilation"),
        (p, "before"),
    ):
        sizes |= {pair[0]: getattr(rows, name), pair[1]: getattr(columns, name)}
    function = _function(arguments, tuple(sizes), expression)
    return lambda *place: function(place, tuple(sizes.values()))


@lru_cache(maxsize=64)  # compiled once, whatever the sizes
def _function(arguments: Any, sizes: Any, expression: Any) -> Callable[..., Any]:
    return cast("Callable[..., Any]", lambdify((arguments, sizes), expression, "math"))
