from __future__ import annotations

import pytest

from analytic import Geometry, derive
from analytic.calculus.closed_form import equal
from analytic.calculus.notation import Elements, Expr, Tensor

GEOMETRIES = {
    "chapter": Geometry((2, 3), (1, 2)),
    "strided": Geometry(4, 2, stride=2, padding=1, dilation=2),
    "grouped": Geometry(2, 1, batch=2, in_channels=2, out_channels=2, groups=2, bias=True),
}


def pairing(upstream: Tensor | None, gradient: Elements | None) -> Expr:
    if upstream is None or gradient is None:
        return 0
    return sum(upstream[index] * element for index, element in gradient.items())


@pytest.mark.parametrize("geometry", GEOMETRIES.values(), ids=GEOMETRIES)
def test_the_second_order_is_what_sympy_makes_of_the_pairing(geometry: Geometry) -> None:
    d = derive(geometry)
    second = d.second_order
    bias = None if d.gradient_bias is None else d.gradient_bias.elements
    S = (
        pairing(second.input_upstream, d.gradient_input.elements)
        + pairing(second.kernel_upstream, d.gradient_kernel.elements)
        + pairing(second.bias_upstream, bias)
    ).expand()
    for tensor, elements, form in (
        (d.G, second.by_upstream, second.upstream_form),
        (d.X, second.by_input, second.input_form),
        (d.K, second.by_kernel, second.kernel_form),
    ):
        assert elements.keys() == set(tensor)
        assert form.holds
        for index, symbol in tensor.items():
            assert equal(elements[index], S.diff(symbol))
            assert equal(form.elements[index], S.diff(symbol))
