"""What is wrong because an argument is written to first is one finding, with that."""

from __future__ import annotations

import pytest
from torch import Tensor
from torch.nn.functional import conv2d

from conv_reference.verification import Report, Verdict, verify
from conv_reference.verification.report.groups import Group, groups


def doubles_first(input: Tensor, weight: Tensor) -> Tensor:
    return conv2d(input.mul_(2), weight)


def doubles_last(input: Tensor, weight: Tensor) -> Tensor:
    Y = conv2d(input, weight.flip(2, 3))
    input.detach().mul_(2)
    return Y


def found(report: Report) -> list[Group]:
    return [*groups(report.findings)]


@pytest.mark.slow
def test_an_answer_of_what_was_written_is_filed_under_the_writing() -> None:
    report = verify(doubles_first, checks="certificate", dtypes="float64", cases=60, seed=2)
    (group,) = found(report)
    assert (group.first.check, group.first.quantity) == ("arguments", "X")
    assert "forward" in group.following


def test_a_fault_beside_an_argument_that_is_written_to_is_its_own() -> None:
    report = verify(doubles_last, checks="certificate", dtypes="float64", cases=60, seed=1)
    assert {group.first.check for group in found(report)} == {"forward", "arguments"}
    wrong = [f for f in report.findings if (f.check, f.verdict) == ("forward", Verdict.WRONG)]
    assert all("the kernel is flipped" in finding.cause for finding in wrong)
