from __future__ import annotations

import pytest
import torch
from torch.nn.functional import conv2d, conv_transpose2d

from conv_reference.geometry import Geometry
from conv_reference.verification.diagnosis.explaining.faulty_convolutions import mistaken_geometries
from conv_reference.verification.model.case import Case
from conv_reference.verification.target.conventions import as_target
from conv_reference.verification.trial.trial import Trial

IGNORED = "the output padding is ignored"


def mistaken(target: object, sizes: str) -> tuple[Trial, dict[str, Geometry]]:
    case = Case.parse(f"certificate float64 {sizes}")
    trial = Trial(as_target(target), case, 0, torch.device("cpu"))
    return trial, dict(mistaken_geometries(trial))


def test_a_convolutions_input_stays_as_large_as_it_is() -> None:
    trial, found = mistaken(conv2d, "n1 c1 h7 w8 o1 k3x2 s2x1 p1x0 d1x2")
    g = trial.case.geometry

    assert {"the padding is ignored", "stride and dilation are exchanged"} <= {*found}
    assert IGNORED not in found
    assert {each.input_size for each in found.values()} == {g.input_size}


@pytest.mark.parametrize(("height", "remainder"), [(5, 0), (6, 1)])
def test_a_transposed_ones_input_is_the_output_and_stays(height: int, remainder: int) -> None:
    trial, found = mistaken(conv_transpose2d, f"n1 c1 h{height} w5 o1 k3 s2")
    g = trial.case.geometry

    assert g.remainder == (remainder, 0)
    assert {each.output_size for each in found.values()} == {g.output_size}
    assert (IGNORED in found) == bool(remainder)
    if remainder:
        assert found[IGNORED].input_size == (5, 5)
