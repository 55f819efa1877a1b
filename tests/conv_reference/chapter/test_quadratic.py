from __future__ import annotations

from dataclasses import replace

import sympy as sp

from conv_reference.chapter.quadratic import derive_quadratic


def test_sympy_finds_twice_the_moment_and_the_stable_rates() -> None:
    found = derive_quadratic()
    rate, curvature = sp.symbols("η λ", positive=True)

    assert found.holds
    assert found.stable == sp.Lt(rate, 1 / curvature)
    assert sp.expand(found.step / sp.Symbol("d", real=True)) == 1 - 2 * rate * curvature
    assert found.moment.shape == (2, 2)
    assert found.moment[0, 1] == found.moment[1, 0]


def test_another_moment_does_not_hold() -> None:
    found = derive_quadratic()
    assert not replace(found, moment=2 * found.moment).holds
