from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite
from made_reports import FAULTY, RIGHT, UNJUDGED, finding, hostile, of_size, row
from syrupy.assertion import SnapshotAssertion

from conv_reference.verification.model.result import Report, Verdict
from conv_reference.verification.report import junit


def read(report: Report, folder: Path) -> TestSuite:
    """Through a file, as a CI system does."""
    path = folder / "junit.xml"
    path.write_text(junit.render(report), encoding="utf-8")
    (suite,) = JUnitXml.fromfile(str(path))
    assert isinstance(suite, TestSuite)
    return suite


def outcome(case: TestCase) -> tuple[type | None, str]:
    if not case.result:
        return None, ""
    (result,) = case.result
    return type(result), f"{result.type}: {result.message}"


@pytest.mark.parametrize("report", [RIGHT, FAULTY], ids=["right", "faulty"])
def test_printed(report: Report, snapshot: SnapshotAssertion) -> None:
    assert junit.render(report) == snapshot


def test_each_row_is_a_case_and_ends_as_it_was_judged(tmp_path: Path) -> None:
    suite = read(FAULTY, tmp_path)

    outcomes = {case.name: outcome(case) for case in suite}
    assert outcomes["forward-float32-cpu"] == (None, "")
    assert outcomes["grad_weight-float32-cpu"] == (None, "")  # rounded is right
    assert outcomes["jvp-float64-cpu"] == (Skipped, "unsupported: it has no jvp rule")
    assert outcomes["vmap-cpu"] == (Skipped, "unsupported: it has no vmap rule")
    assert outcomes["nonfinite-float32-cpu"] == (Skipped, "known: known defect: empty-batch-2024")
    kind, message = outcomes["grad_input-float32-cpu"]
    assert kind is Failure
    assert message.startswith("wrong: dX on n1 c1 h2 w2 o1 k1x2 s1 p0 d1 g1: dX[0,0,1,1]: takes")
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (9, 3, 0, 3)


def test_a_failure_carries_the_finding_with_its_reproducer(tmp_path: Path) -> None:
    (case,) = (c for c in read(FAULTY, tmp_path) if c.name == "grad_input-float64-cpu")

    (failure,) = case.result
    assert "should be G[0]·K[1] + G[1]·K[0]," in failure.text
    assert "conv-reference verify my_kernels:conv2d" in failure.text


def test_seed_and_environment_are_properties(tmp_path: Path) -> None:
    properties = {p.name: p.value for p in read(RIGHT, tmp_path).properties()}  # type: ignore[no-untyped-call]  # junitparser has no types here

    assert properties["seed"] == "7"
    assert properties["torch"] == "2.13.0"


def test_rounded_fails_where_exact_was_required(tmp_path: Path) -> None:
    rounded = row("forward", verdict=Verdict.ROUNDED, effective_bits=20.0)
    report = replace(RIGHT, checks=(rounded,), require=Verdict.EXACT)

    (case,) = read(report, tmp_path)
    assert outcome(case) == (Failure, "rounded: rounded, where exact was required")


def test_what_the_engine_itself_failed_on_is_an_error(tmp_path: Path) -> None:
    suite = read(UNJUDGED, tmp_path)

    assert suite.errors == 1
    (case,) = (case for case in suite if case.name == "engine")
    assert outcome(case)[0] is Error


def test_a_finding_of_no_row_is_not_lost(tmp_path: Path) -> None:
    report = replace(RIGHT, findings=(finding(check="elsewhere"),))

    (case,) = (case for case in read(report, tmp_path) if case.name == "elsewhere-float32-cpu")
    assert outcome(case)[0] is Failure


def test_hostile_text_arrives_as_text(tmp_path: Path) -> None:
    suite = read(hostile(), tmp_path)

    assert len(list(suite)) == 5
    assert suite.name is not None
    assert "</pre></script><script>alert('&\"')</script>\\x1b[31m\\x00" in suite.name
    assert suite.failures == 2


def test_thousands_of_findings(tmp_path: Path) -> None:
    assert read(of_size(5_000), tmp_path).failures == 3
