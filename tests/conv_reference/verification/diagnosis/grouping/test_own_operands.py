"""What a check hands to the target shows the fault that the certificate's own values do not."""

from __future__ import annotations

from typing import Any

import guarded
import pytest
from judging import failures
from torch.nn.functional import conv2d

from conv_reference.verification import verify
from conv_reference.verification.diagnosis.grouping.own_operands import wrong_as_called
from conv_reference.verification.execution import Settings
from conv_reference.verification.model.case import Case
from conv_reference.verification.report.groups import groups
from conv_reference.verification.target.conventions import as_target

pytestmark = pytest.mark.usefixtures("without_circumstances")

SETTINGS = Settings(seed=17, device="cpu")
CASES = {
    "upstream_linear float16 n1 c3 h1 w2 o1 k2x2 s2x1 p1x0": (guarded.overflows, {"dX", "dK"}),
    "structured_zeros float32 n1 c1 h2 w2 o1 k1": (guarded.zero_sums, {"dK"}),
    "vmap float16 n1 c1 h2 w7 o1 k1x3 nobias": (guarded.zero_sums, {"Y"}),
}


def wrong(implementation: Any, case: str) -> set[str]:
    target = as_target(implementation)
    asked = target.restrict(Case.parse(case))
    return {judgement.quantity for judgement in wrong_as_called(target, asked, SETTINGS)}


@pytest.mark.parametrize("case", CASES)
def test_a_guard_of_values_shows_on_the_operands_of_the_failing_case(case: str) -> None:
    implementation, quantities = CASES[case]
    certificate = case.replace(case.split(maxsplit=1)[0], "certificate")
    assert failures(implementation, case, SETTINGS.seed)
    assert not failures(implementation, certificate, SETTINGS.seed)
    assert wrong(implementation, case) >= quantities
    assert not wrong(conv2d, case)


@pytest.mark.slow
def test_one_cause_that_is_guarded_by_values_is_one_finding() -> None:
    """Stragglers were findings of their own: other values were asked about each."""
    report = verify(
        guarded.zero_sums,
        dtypes=["float32", "float16"],
        checks=["certificate", "structured_zeros", "dual_numbers", "vmap"],
        cases=1_200,
        seed=2,
    )
    own = [finding for finding in report.findings if finding.known is None]  # not torch's
    also = {row for finding in own for row in (finding.check, *finding.also)}
    assert len(groups(own)) == 1
    assert {"structured_zeros", "vmap"} <= also
