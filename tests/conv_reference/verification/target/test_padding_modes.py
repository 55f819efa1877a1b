from __future__ import annotations

from typing import Any

import pytest

from conv_reference.quantities import CONV2D, OPERATORS
from conv_reference.verification.model.errors import TargetError
from conv_reference.verification.target.padding_modes import modes_of, settled_mode

PADDED, PLAIN = ((1, 1), (0, 0)), ((0, 0), (0, 0))


@pytest.mark.parametrize("mode", ["zeros", "zero", "constant", "", None, 3])
def test_who_pads_with_zeros_has_no_mode(mode: Any) -> None:
    assert settled_mode(mode, PADDED, "layer") == {}


def test_a_mode_is_one_where_there_is_padding() -> None:
    assert settled_mode("circular", PADDED, "layer") == {"padding_mode": "circular"}
    assert settled_mode("circular", PLAIN, "layer") == {}


def test_a_mode_that_there_is_not_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(TargetError) as caught:
        settled_mode("wrap", PADDED, "layer")
    assert str(caught.value) == (
        "cannot verify 'layer': padding_mode must be one of "
        "'zeros', 'circular', 'reflect', 'replicate', got 'wrap'"
    )


def test_nobody_transposes_a_border() -> None:
    has_modes = {
        name: modes_of(["padding_mode"], each) != ("zeros",) for name, each in OPERATORS.items()
    }

    assert has_modes == {name: each is CONV2D for name, each in OPERATORS.items()}
    assert modes_of(["padding"], CONV2D) == ("zeros",)
