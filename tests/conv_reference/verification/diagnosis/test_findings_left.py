"""What is said of a failure for which there was no time."""

from __future__ import annotations

import math

import pytest

from conv_reference.verification import Verdict
from conv_reference.verification.diagnosis.bench import Bench
from conv_reference.verification.diagnosis.findings import Diagnosis
from conv_reference.verification.execution import Settings
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.judgement import Failure, Judgement
from conv_reference.verification.target.loading import load_target
from conv_reference.verification.work.here import Here


@pytest.mark.parametrize(
    ("row", "verdict", "said"),
    [("forward", Verdict.WRONG, True), ("refusals", Verdict.PERMISSIVE, False)],
)
def test_what_has_no_size_is_not_said_to_be_left_large(
    row: str, verdict: Verdict, *, said: bool
) -> None:
    target = load_target("faulty:flipped_kernel")
    bench = Bench(target, Here(target), Settings(seed=0, device="cpu"), (), (), -math.inf)
    check = "certificate" if row == "forward" else row
    failure = Failure(Case.parse(f"{check} float64 h4 w5 k2x3"), Judgement(row, "Y", verdict))
    (finding,) = Diagnosis([failure], {}, bench, in_process=False).gathered().findings
    assert ("was not made smaller" in finding.circumstances) == said
