"""What was measured, in the forms in which it is handed out."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from syrupy.assertion import SnapshotAssertion

from conv_reference.verification.detection.measured import Alarm, Found, Outcome
from conv_reference.verification.detection.table import FORMATS, rendered

FOUND = Found(
    "grad_input", "dX", "float32", 76, 0.62, "certificate float32 n2 c2 h3 w3 o2 k2x2 g2",
    "n1 c2 h1 w1 o2 k1x1 s1x2 p0 d1 g2", "contiguous", 2,
    "Perhaps every group reads the first group's channels.",
    "All 321 have g > 1, sh·sw > 1; 24 others with that passed.", "yes",
)  # fmt: skip
SEEN = Outcome(
    "group_zero_kernel", "GROUP", "Channels of one group taken for another's", "dX",
    "groups > 1 and stride > 1", "mlx PR#3800", 0, 1, 10_267, 4.25, FOUND,
)  # fmt: skip
MISSED = Outcome(
    "eleven|channels", "THRESHOLD", "Another path from some size on", "Y", "11 output channels",
    "", 1, 1, 10_267, 26.0, None,
)  # fmt: skip
OBSERVED = replace(
    MISSED, name="flushes_subnormals", observed="subnormal numbers are flushed to zero in Y"
)
QUIET = Alarm("direct", 500, 3.2)
LOUD = Alarm("fft", 500, 3.2, "forward", "certificate float32 h2 w2 k1x1", "Y[0,0,0,0] is 1, not 2")


@pytest.mark.parametrize("form", FORMATS)
def test_the_table(form: str, snapshot: SnapshotAssertion) -> None:
    assert rendered([SEEN, MISSED, OBSERVED], [QUIET, LOUD], form) == snapshot


@pytest.mark.parametrize("outcome", [SEEN, MISSED, OBSERVED], ids=["found", "missed", "observed"])
def test_one_fault_is_shown_in_full(outcome: Outcome, snapshot: SnapshotAssertion) -> None:
    assert rendered([outcome], [], "text") == snapshot


def test_json_holds_everything() -> None:
    told = json.loads(rendered([SEEN, MISSED], [LOUD], "json"))

    assert [each["found"] is None for each in told["faults"]] == [False, True]
    assert told["faults"][0]["found"]["cases"] == 76
    assert told["sound"][0]["check"] == "forward"


@pytest.mark.parametrize("form", ["text", "markdown"])
def test_what_could_not_be_measured_takes_no_other_along(form: str) -> None:
    why = "RuntimeError: no memory"
    broken = replace(SEEN, name="too_large", found=None, failed=why)
    silent = replace(QUIET, name="one_hot", failed=why)
    said = rendered([SEEN, broken], [silent, LOUD], form)

    assert "NOT MEASURED" in said
    assert "1 of 2 faults" in said
    for name in ("too_large", "one_hot"):
        assert f"not measured: {name}: {why}" in said
    assert f"NOT MEASURED: {why}" in rendered([broken], [], "text")
