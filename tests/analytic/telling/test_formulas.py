"""How the general formulas are written; that they are right, test_exposition shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sympy import sstr

from analytic import Derivation, Geometry, Names, derive
from analytic.telling import formulas
from analytic.telling.document import Formula

PLAIN = derive(Geometry((2, 3), (1, 2)))
STRIDED = derive(Geometry(5, 3, stride=(2, 1), padding=(1, 0, 2, 0), dilation=(1, 2)))
LAYER = derive(
    Geometry(3, 2, batch=2, in_channels=4, out_channels=6, groups=2, stride=2, bias=True)
)
DEPTHWISE = derive(Geometry(3, 2, in_channels=2, out_channels=2, groups=2))


def definition(d: Derivation) -> Formula:
    return formulas.definition(d.geometry, d.X, d.K, d.Y, d.b)


def kernel_gradient(d: Derivation) -> Formula:
    return formulas.kernel_gradient(d.geometry, d.X, d.K, d.G)


def input_gradient(d: Derivation) -> Formula:
    return formulas.input_gradient(d.geometry, d.X, d.K, d.G)


WRITTEN = [
    (definition, PLAIN, "Y[i, j] = Sum(K[a, b]*X[i + a, j + b], (a, 0, 0), (b, 0, 1))"),
    (
        definition,
        STRIDED,
        "Y[i, j] = Sum(K[a, b]*X[2*i + a - 1, j + 2*b - 2], (a, 0, 2), (b, 0, 2))",
    ),
    (
        definition,
        LAYER,
        "Y[n, o, i, j] = Sum(K[o, c, a, b]*X[n, 2*floor(o/3) + c, 2*i + a, 2*j + b], "
        "(c, 0, 1), (a, 0, 1), (b, 0, 1)) + b[o]",
    ),
    (
        definition,
        DEPTHWISE,
        "Y[o, i, j] = Sum(K[o, a, b]*X[o, i + a, j + b], (a, 0, 1), (b, 0, 1))",
    ),
    (
        kernel_gradient,
        STRIDED,
        "∂C/∂K[a, b] = Sum(G[i, j]*X[2*i + a - 1, j + 2*b - 2], (i, 0, 1), (j, 0, 2))",
    ),
    (
        kernel_gradient,
        LAYER,
        "∂C/∂K[o, c, a, b] = Sum(G[n, o, i, j]*X[n, 2*floor(o/3) + c, 2*i + a, 2*j + b], "
        "(n, 0, 1), (i, 0, 0), (j, 0, 0))",
    ),
    (
        input_gradient,
        STRIDED,
        "∂C/∂X[u, v] = Sum(G[(u + 1 - a)/2, v + 2 - 2*b]*K[a, b], (a, 0, 2), (b, 0, 2))",
    ),
    (
        input_gradient,
        LAYER,
        "∂C/∂X[n, c, u, v] = Sum(G[n, o, (u - a)/2, (v - b)/2]*K[o, Mod(c, 2), a, b], "
        "(o, 3*floor(c/2), 3*floor(c/2) + 2), (a, 0, 1), (b, 0, 1))",
    ),
]


@pytest.mark.parametrize(("formula", "derivation", "written"), WRITTEN)
def test_formulas_are_written_in_reading_order_without_idle_parts(
    formula: Callable[[Derivation], Formula], derivation: Derivation, written: str
) -> None:
    sides = [sstr(side, order="none") for side in formula(derivation).sides]
    assert " = ".join(sides) == written


def test_the_chain_rule_names_the_derivatives_that_it_sums() -> None:
    chain = formulas.input_chain(LAYER.geometry, LAYER.X, LAYER.Y, LAYER.G)
    assert sstr(chain.sides[1], order="none") == (
        "Sum(G[n, o, i, j]*∂Y[n, o, i, j]/∂X[n, c, u, v], (o, 0, 5), (i, 0, 0), (j, 0, 0))"
    )


def test_the_bias_of_a_single_channel_has_the_index_of_that_channel() -> None:
    geometry = Geometry(2, 1, bias=True)
    for names, index in ((Names(), "0"), (Names(all_indices=True), "o")):
        d: Any = derive(geometry, names=names)
        chain = formulas.bias_chain(geometry, d.b, d.Y, d.G)
        assert str(chain.sides[0]) == f"∂C/∂b[{index}]"
        assert {str(x) for x in chain.sides[1].free_symbols if str(x) in "noij"} <= {index}


def test_the_places_of_the_full_convolution() -> None:
    rows, columns = formulas.output_places(STRIDED.geometry)
    assert [sstr(side, order="none") for side in rows.sides] == ["0", "(u + 1 - a)/2", "1"]
    assert [sstr(side, order="none") for side in columns.sides] == ["0", "v + 2 - 2*b", "2"]
    assert rows.relations == ("≤", "≤")


@pytest.mark.parametrize(("derivation", "label"), [(PLAIN, "X"), (LAYER, "X[1, 3, :, :]")])
def test_a_plane_is_named_by_its_sample_and_channel(derivation: Derivation, label: str) -> None:
    assert str(formulas.plane_label(derivation.X, 1, 3)) == label
