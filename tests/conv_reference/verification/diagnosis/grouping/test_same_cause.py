"""Another shape and wrong numbers for which one cause is guessed are one fault."""

from __future__ import annotations

import pytest

from conv_reference.verification.diagnosis.grouping.same_cause import filed_by_cause
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.judgement import Failure, Judgement
from conv_reference.verification.model.result import Finding, Verdict

CASE = Case.parse("certificate float32 h3 w3 k2")
HALF = "Perhaps half the kernel is padded."


def met(check: str, fault: int, cause: str, quantity: str = "Y") -> tuple[Failure, Finding]:
    finding = Finding(
        check=check,
        dtype="float32",
        verdict=Verdict.WRONG,
        quantity=quantity,
        seed=0,
        index=(),
        geometry=str(CASE.geometry),
        layout="contiguous",
        expected="",
        actual="",
        explanation="",
        reproduce="",
        cause=cause,
        fault=fault,
    )
    return Failure(CASE, Judgement(check, quantity, Verdict.WRONG)), finding


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        (met("forward", 2, HALF), [1, 1, 1]),
        (met("forward", 2, "Perhaps the stride is ignored."), [1, 2, 2]),
        (met("forward", 2, ""), [1, 2, 2]),
        (met("shapes", 2, HALF), [1, 2, 2]),  # told apart by something else
        (met("settings", 2, HALF), [1, 2, 2]),
        (met("shapes", 2, HALF, "dX"), [1, 2, 2]),
    ],
)
def test_a_y_of_two_kinds_with_one_cause_is_one_fault(
    second: tuple[Failure, Finding], expected: list[int]
) -> None:
    also = met("grad_weight", 2, "", "dK")  # of the second fault
    found = filed_by_cause([met("shapes", 1, HALF), second, also])
    assert [finding.fault for _, finding in found] == expected


def test_without_a_cause_nothing_is_filed() -> None:
    found = filed_by_cause([met("shapes", 1, ""), met("forward", 2, "")])
    assert [finding.fault for _, finding in found] == [1, 2]
