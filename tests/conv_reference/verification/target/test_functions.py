from __future__ import annotations

import functools
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from conv_reference.verification.model.case import Case
from conv_reference.verification.model.errors import TargetError
from conv_reference.verification.target.conventions import as_target
from conv_reference.verification.target.target import Call, Target
from conv_reference.verification.trial.values import case_operands


def prepared(target: Target, case: Case) -> Call:
    return target.prepare(case, case_operands(case, 0))


def test_what_a_partial_of_a_builtin_settles_is_given_by_keyword() -> None:
    case = Case.parse("certificate float64 h5 w5 k2 s1x3 p1")
    plain, settled = (
        prepared(as_target(function), case).forward()
        for function in (F.conv2d, functools.partial(F.conv2d, stride=2))
    )
    assert torch.equal(plain, settled)


def test_options_are_given_by_their_places_whatever_their_order() -> None:
    def shuffled(input: Tensor, weight: Tensor, groups: int = 1, fast: bool = True, bias: Any = 0):  # type: ignore[no-untyped-def]  # as some users write
        assert fast
        return F.conv2d(input, weight, bias, groups=groups)

    case = Case.parse("certificate float64 c4 h2 w2 o2 k1 g2")
    operands = case_operands(case, 0)
    Y = F.conv2d(operands.input, operands.weight, operands.bias, groups=2)
    assert torch.equal(prepared(as_target(shuffled), case).forward(), Y)


def test_padding_that_differs_between_sides_cannot_be_asked_of_torchs_signature() -> None:
    with pytest.raises(TargetError, match="differs between opposite sides"):
        prepared(as_target(F.conv2d), Case.parse("certificate float64 h3 w3 k2 p1:0x0"))
