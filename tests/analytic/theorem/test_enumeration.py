from __future__ import annotations

from typing import Any

import pytest

from analytic import Geometry, Names
from analytic.theorem import enumeration
from analytic.theorem.enumeration import agrees, axes, confirm
from analytic.theorem.instance import Instance, instantiate


def test_axes_are_those_whose_kernel_fits() -> None:
    found = list(axes(input=2, kernel=2, stride=2, padding=1, dilation=1))
    assert len(found) == len(set(found)) == 30
    assert all(geometry.rows == Geometry(1, 1).rows for geometry in found)
    assert {geometry.columns.before for geometry in found} == {0, 1}


def test_the_proofs_check_confirms() -> None:
    assert confirm(Names()) == (225, True)


@pytest.mark.parametrize("fault", ["an entry less", "another gradient"])
def test_a_theorem_that_differs_is_refuted(monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    def faulty(geometry: Geometry, **names: Any) -> Instance:
        right = instantiate(geometry, **names)
        by_input = right.jacobian_input
        if fault == "an entry less":
            by_input = type(by_input)(
                by_input.of, by_input.by, dict([*by_input.entries.items()][1:])
            )
            return Instance(right.jacobian_kernel, by_input, right.gradient_input)
        moved = dict(zip(right.gradient_input, [*right.gradient_input.values()][::-1], strict=True))
        return Instance(right.jacobian_kernel, by_input, moved)

    monkeypatch.setattr(enumeration, "instantiate", faulty)
    assert not agrees(Geometry((1, 3), (1, 2)))
    assert confirm(Names())[1] is False
