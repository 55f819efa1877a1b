from __future__ import annotations

import pytest
from sympy import sstr

from analytic import Geometry, derive, parse_values
from analytic.telling.document import Document, Formula, Formulas, Grids, Matrix

GEOMETRY = Geometry((2, 3), (1, 2), bias=True)
DERIVATION = derive(GEOMETRY)
VALUES = "X=1,2,3;4,5,6 K=2,-1/2 G=1,2;3,4 b=10"


def formulas(document: Document) -> dict[str, list[str]]:
    """The sides of each formula, by its first."""
    return {
        str(formula.sides[0]): [sstr(side, order="none") for side in formula.sides[1:]]
        for step in document.steps
        for block in step.blocks
        if isinstance(block, Formulas)
        for formula in block.formulas
    }


def test_figures_stand_beside_the_formulas() -> None:
    found = formulas(DERIVATION.with_values(parse_values(VALUES, GEOMETRY)))
    assert found["Y_{0,0}"] == [
        "K_{0,0}*X_{0,0} + K_{0,1}*X_{0,1} + b_{0}",
        "2*1 + (-1/2)*2 + 10",
        "11",
    ]
    assert found["∂C/∂X_{0,1}"][1:] == ["1*(-1/2) + 2*2", "7/2"]
    assert found["∂C/∂X_{0,0}"] == ["G_{0,0}*K_{0,0}", "1*2", "2"]
    assert found["∂C/∂b_{0}"][-1] == "10"


def test_the_general_formulas_and_the_second_order_stay_as_they_are() -> None:
    plain, plugged = DERIVATION.document, DERIVATION.with_values(parse_values(VALUES, GEOMETRY))
    before, after = formulas(plain), formulas(plugged)
    assert before.keys() == after.keys()
    same = {head for head in before if before[head] == after[head]}
    assert "G" in same
    assert "∂C/∂K[a, b]" in same
    assert any(head.startswith("∂S/∂X") for head in same)
    assert not any(head.startswith(("Y_{", "∂C/∂X_{", "∂C/∂K_{")) for head in same)


def test_the_second_order_gets_figures_when_it_has_values() -> None:
    found = formulas(DERIVATION.with_values(parse_values(VALUES + " V=1 W=2,3", GEOMETRY)))
    assert found["∂S/∂X_{0,1}"][-1] == str(2 * 2 + 1 * 3)


def test_every_grid_of_symbols_has_one_of_numbers_beside_it() -> None:
    document = DERIVATION.with_values(parse_values(VALUES, GEOMETRY))
    rows = [block.grids for block in document.steps[0].blocks if isinstance(block, Grids)][:3]
    grids = [grid for row in rows for grid in row]
    assert [[str(grid.label) for grid in row] for row in rows] == [["X"] * 2, ["K"] * 2, ["b"] * 2]
    assert [[str(cell) for cell in row] for row in grids[3].cells] == [["2", "-1/2"]]
    # A pointer finds each element once.
    assert [grid.quantity for grid in grids] == ["X", "", "K", "", "", ""]


@pytest.mark.parametrize(("step", "matrices"), [(1, 2), (2, 2), (6, 1)])
def test_a_matrix_of_symbols_has_one_of_numbers_below_it(step: int, matrices: int) -> None:
    """∂Y/∂b is all ones: there is nothing to plug in."""
    document = DERIVATION.with_values(parse_values(VALUES, GEOMETRY))
    blocks = [block for block in document.steps[step].blocks if isinstance(block, Matrix)]
    assert len(blocks) == matrices
    assert all(entry.is_Number for entry in blocks[-1].jacobian.entries.values())


def test_the_prose_and_the_conditions_stay() -> None:
    plain, plugged = DERIVATION.document, DERIVATION.with_values(parse_values(VALUES, GEOMETRY))
    assert plugged.title == plain.title
    assert plugged.derivation is DERIVATION
    assert [step.title for step in plugged.steps] == [step.title for step in plain.steps]
    assert [step.conditions for step in plugged.steps] == [step.conditions for step in plain.steps]


def test_what_no_output_sees_stays_zero() -> None:
    geometry = Geometry((1, 3), (1, 2), stride=(1, 2), padding=(0, 0, 1, 0))
    found = formulas(derive(geometry).with_values(parse_values("K=3,5 G=1", geometry)))
    assert found["∂C/∂X_{0,0}"][-1] == "5"
    assert isinstance(DERIVATION.document.steps[0].blocks[2], Formulas)
    assert isinstance(DERIVATION.document.steps[0].blocks[2].formulas[0], Formula)


def test_many_grids_stay_in_one_block_so_that_their_middle_is_left_out() -> None:
    geometry = Geometry(1, 1, batch=3, in_channels=2)
    document = derive(geometry).with_values(parse_values("X=1 K=1 G=1", geometry))
    blocks = [block for block in document.steps[0].blocks if isinstance(block, Grids)]
    assert len(blocks[0].grids) == 2 * (3 * 2 + 2)
