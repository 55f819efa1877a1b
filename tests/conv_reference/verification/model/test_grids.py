from __future__ import annotations

from conv_reference.verification.model.grids import cell


def test_an_integer_of_a_grid_is_written_in_all_of_its_digits() -> None:
    assert cell(59571300.0, marked=False) == " 59571300 "
    assert cell(-(2.0**53), marked=True) == "[-9007199254740992]"
    assert cell(0.1, marked=True) == "[0.1]"
