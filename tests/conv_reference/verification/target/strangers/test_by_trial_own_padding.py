"""Who pads of itself, and says nothing of it, is judged with that padding."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from conv_reference import functional
from conv_reference.verification import verify
from conv_reference.verification.execution import Settings, judge_case
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.target.conventions import as_target

pytestmark = pytest.mark.usefixtures("without_circumstances")

SETTINGS = Settings(seed=0, device="cpu")


class Padded(nn.Module):
    """As tutorials have it: the padding follows from the kernel, and has no word."""

    def __init__(self, c_in: int, c_out: int, k: int, stride: int = 1) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.ones(c_out, c_in, k, k))
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        return functional.conv2d(x, self.w, None, self.stride, self.w.shape[-1] // 2)


def as_same(x: Tensor, w: Tensor) -> Tensor:
    kh, kw = w.shape[2:]
    return functional.conv2d(F.pad(x, ((kw - 1) // 2, kw // 2, (kh - 1) // 2, kh // 2)), w)


@pytest.mark.parametrize(
    ("implementation", "padding"),
    [
        pytest.param(Padded, "half the kernel", id="class"),
        pytest.param(Padded(2, 3, 3), "half the kernel", id="instance"),
        pytest.param(as_same, "TensorFlow's SAME", id="function"),
    ],
)
def test_who_pads_of_itself_is_judged_so(implementation: Any, padding: str) -> None:
    target = as_target(implementation)
    assert f"a padding of its own, {padding}" in target.called_as
    assert "padding" not in target.assumed
    report = verify(
        implementation, checks="certificate", dtypes="float64", cases=60, seed=1, known=None
    )
    assert report, str(report)


class Declares(nn.Module):
    """It says that it does not pad, and does."""

    padding = 0

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(2, 3, 3, 3))

    def forward(self, x: Tensor) -> Tensor:
        return functional.conv2d(x, self.weight, None, 1, 1)


def test_who_declares_a_padding_is_judged_by_that() -> None:
    assert not any("of its own" in said for said in as_target(Declares()).called_as)


def test_of_a_fault_behind_a_padding_of_its_own_the_fault_alone_is_found() -> None:
    def wrong(x: Tensor, w: Tensor) -> Tensor:
        return as_same(x, w) + (len(x) > 2)

    report = verify(wrong, checks="certificate", dtypes="float64", cases=60, seed=1, known=None)
    assert {finding.quantity for finding in report.findings} == {"Y"}
    assert all("1 + " in finding.explanation for finding in report.findings)


def test_a_kernel_is_handed_on_as_it_lies() -> None:
    """A view of the same shape has other strides, with which torch raises in channels_last."""
    case = Case.parse("certificate float64 c2 h3 w3 o1 k3 p1 X=channels_last K=channels_last")
    target = as_target(Tutorials)
    judged = judge_case(target, target.restrict(case), SETTINGS)
    assert {j.verdict for j in judged} == {Verdict.EXACT}


class Tutorials(Padded):
    """With torch's own convolution."""

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.w, None, self.stride, self.w.shape[-1] // 2)


def by_word(x: Tensor, filters: Tensor, padding: str) -> Tensor:
    """As TensorFlow's users have it: there is no default, and no other padding."""
    if padding == "VALID":
        found = F.conv2d(x.movedim(-1, 1), filters.permute(3, 2, 0, 1))
    if padding == "SAME":
        found = as_same(x.movedim(-1, 1), filters.permute(3, 2, 0, 1))
    return found.movedim(1, -1)


def by_word_or_number(x: Tensor, w: Tensor, padding: Any) -> Tensor:
    return F.conv2d(x, w, None, 1, 0 if padding == "VALID" else padding)


def test_a_word_for_padding_is_seen_in_the_code_of_who_must_be_given_one() -> None:
    said = ("X as NHWC", "K as HWIO", "TensorFlow's SAME or VALID for padding")
    assert as_target(by_word).called_as == said
    report = verify(by_word, checks="certificate", dtypes="float64", cases=60, seed=1, known=None)
    assert report, str(report)
    numbers = as_target(by_word_or_number)
    assert not numbers.same_padding
