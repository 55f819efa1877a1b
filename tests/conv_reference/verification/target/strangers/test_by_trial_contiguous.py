"""Operands that are contiguous in torch's order are that in a stranger's own order, too."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from conv_reference.verification import Verdict
from conv_reference.verification.execution import Settings, judge_case
from conv_reference.verification.model.case import Case
from conv_reference.verification.target.loading import target_of
from conv_reference.verification.target.strangers import by_trial


def of_contiguous_arrays(x: Any, w: Any, stride: int = 1) -> Any:
    assert x.flags["C_CONTIGUOUS"]
    assert w.flags["C_CONTIGUOUS"]
    Y = F.conv2d(
        torch.tensor(x).permute(0, 3, 1, 2), torch.tensor(w).permute(3, 2, 0, 1), None, stride
    )
    return Y.permute(0, 2, 3, 1).numpy()


def of_viewed_kernels(x: Tensor, w: Tensor) -> Tensor:
    taps = w.view(-1, w.shape[3]).view(w.shape).permute(3, 2, 0, 1)
    return F.conv2d(x.view(x.shape).permute(0, 3, 1, 2), taps).permute(0, 2, 3, 1)


@pytest.mark.parametrize("function", [of_contiguous_arrays, of_viewed_kernels])
def test_who_needs_contiguous_operands_in_his_own_order_has_them(
    function: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    if function is of_contiguous_arrays:
        monkeypatch.setattr(by_trial, "knows_torch", lambda _: False)
    target = target_of(function, "mine:conv")
    assert target.called_as[:2] == ("X as NHWC", "K as HWIO")
    for words in ("n2 c3 h5 w6 o2 k2x3", "n1 c2 h4 w5 o1 k1x2"):
        case = Case.parse(f"certificate float64 {words} nobias")
        judged = judge_case(target, case, Settings(seed=3, device="cpu"))
        assert {each.verdict for each in judged} == {Verdict.EXACT}


def over_odd_arrays(x: Any, w: Any, stride: Any = 1, padding: Any = 0) -> Any:
    assert x.flags["F_CONTIGUOUS"], "accepted are arrays in Fortran's order"
    return x


def test_what_arrays_raise_is_said_of_a_function_over_arrays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not that a tensor has no attribute of an array's."""
    monkeypatch.setattr(by_trial, "knows_torch", lambda _: False)
    target = target_of(over_odd_arrays, "mine:conv")
    assert target.over_arrays
    [judged] = judge_case(
        target,
        Case.parse("certificate float64 n2 c3 h5 w6 o2 k2x3 nobias"),
        Settings(seed=3, device="cpu"),
    )
    assert "Fortran" in judged.explanation
