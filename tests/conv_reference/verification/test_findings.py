"""What is said of failures beside their explanation: see ``test_explain`` for that."""

from __future__ import annotations

import faulty
import pytest
import torch

from conv_reference.verification import Verdict, findings, verify

FLIPPED = "certificate float32 n1 c1 h1 w2 o1 k1x2 s1 p0 d1 g1 values=counting grad= nobias"


def test_what_does_not_show_alone_is_said_to_depend_on_earlier_calls() -> None:
    report = verify(
        "dishonest:right_ten_times",
        dtypes=[torch.float64],
        checks=["forward"],
        sweep="small",
        budget=0.2,
        isolate=True,
        workers=1,
        seed=0,
    )
    (finding,) = report.findings

    assert finding.cause == findings.ALONE
    assert not finding.circumstances


def test_an_interrupt_while_findings_are_taken_apart_shows_them_as_they_were_met(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(findings, "smallest_failing", interrupted)
    report = verify(
        faulty.flipped_kernel,
        dtypes=["float64"],
        checks=["forward"],
        sweep="small",
        budget=0.1,
        seed=0,
    )

    assert report.interrupted
    assert [finding.quantity for finding in report.findings] == ["Y"]
    assert report.findings[0].occurrences > 1


def test_a_crash_on_sizes_that_the_check_brings_is_told_of_the_certificate() -> None:
    report = verify(
        "hostile:dies_of_many_samples",
        dtypes=["float32"],
        checks=["large"],
        isolate=True,
        workers=1,
        seed=0,
    )
    (finding,) = [f for f in report.findings if f.verdict == Verdict.CRASHED]

    assert finding.case.startswith("certificate float32 n1")
    assert finding.also == ("large_batch",)
