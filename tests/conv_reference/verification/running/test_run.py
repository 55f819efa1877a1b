from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

import faulty
import pytest
from certifying import FLIPPED, certified
from torch.nn.functional import conv2d

from conv_reference.verification import Report, Verdict, verify
from conv_reference.verification.diagnosis import findings as findings_module
from conv_reference.verification.diagnosis.bench import Bench
from conv_reference.verification.diagnosis.findings import Diagnosis, Gathered
from conv_reference.verification.model.case import DTYPES
from conv_reference.verification.model.notes import NoteKind
from conv_reference.verification.plan.plan import plan
from conv_reference.verification.plan.request import Request
from conv_reference.verification.report.json import content
from conv_reference.verification.target.conventions import as_target

pytestmark = pytest.mark.usefixtures("without_the_clock", "without_circumstances")

KNOWN = """
[[defect]]
name = "flipped"
summary = "The kernel is flipped."
link = "docs/found/flipped.md"
date = "2026-11-24"
targets = ["faulty:"]
quantities = ["Y"]
"""
SHOWN = f"{KNOWN}shows = ['{FLIPPED}']\n"


def unreached(report: Report) -> list[str]:
    return [str(note) for note in report.notes if note.kind == NoteKind.NOT_REACHED]


@pytest.fixture
def late(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, int], None]:
    """A clock that is over after five cases."""
    real = time.monotonic

    def told(done: int, _: int) -> None:
        if done == 5:
            monkeypatch.setattr("time.monotonic", lambda: real() + 1e6)

    return told


def test_the_clock_cuts_the_run_and_the_report_says_so(late: Callable[[int, int], None]) -> None:
    report = certified(conv2d, progress=late)
    (note,) = unreached(report)
    reached = int(re.findall(r"\d+", note)[0])

    assert report.judged == 5 < report.planned
    assert note == f"not reached, for the clock cut the run: {reached} cases of certificate"
    assert report.judged + reached == report.planned
    assert report.unreached == content(report)["unreached"] == {"certificate": reached}
    assert report.coverage is None
    assert not report.interrupted


def test_a_run_of_which_little_was_reached_does_not_pass(late: Callable[[int, int], None]) -> None:
    report = certified(conv2d, progress=late)

    assert 0 < report.judged < report.planned / 4
    assert report.is_right
    assert not report.passed
    said = str(report).splitlines()[0]
    assert "barely tried: nothing wrong, but under 25% of the plan was judged, on " in said
    assert said.endswith(f" of {report.planned:,} planned")


def test_an_interrupt_gives_what_is_known_so_far() -> None:
    def interrupt(done: int, planned: int) -> None:
        if done == 20:
            raise KeyboardInterrupt

    report = certified(conv2d, progress=interrupt)

    assert report.interrupted
    assert report.judged == 20
    assert next(c for c in report.checks if c.name == "forward").verdict == Verdict.EXACT
    missed = f"{report.planned - 20} cases of certificate"
    assert unreached(report) == [f"not reached, for the run was interrupted: {missed}"]


@pytest.mark.parametrize(
    ("budget", "seconds"), [(None, 60.0), (1.0, 20.0), (15.0, 45.0), (1_000.0, 60.0)]
)
def test_what_failed_is_taken_apart_for_three_times_the_budget(
    budget: float | None, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = []

    def gathered(own: Diagnosis) -> Gathered:
        given.append(own.bench.left)
        return Gathered((), ())

    monkeypatch.setattr(Diagnosis, "gathered", gathered)
    monkeypatch.setattr("time.monotonic", lambda: 1_000.0)
    verify(faulty.flipped_kernel, dtypes="float32", checks="forward", budget=budget, cases=9)
    assert given == [seconds]


def test_a_second_interrupt_ends_the_run_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    gathered = "conv_reference.verification.diagnosis.findings.Diagnosis.gathered"
    monkeypatch.setattr(gathered, interrupt)
    with pytest.raises(KeyboardInterrupt):
        certified(conv2d, progress=interrupt)


@pytest.mark.parametrize(
    ("thrown", "interrupted", "unjudged"),
    [
        (KeyboardInterrupt(), True, ""),
        (OSError(24, "Too many open files"), False, "OSError: [Errno 24] Too many open files (at "),
    ],
    ids=["interrupt", "failure"],
)
@pytest.mark.parametrize(
    ("stage", "named"),
    [
        ("audit.audit.audit", "the audit"),
        ("running.run.put_elsewhere", "the cases with other instructions"),
        ("diagnosis.findings.Diagnosis.gathered", "taking failures apart"),
    ],
    ids=["audit", "elsewhere", "diagnosis"],
)
def test_whatever_becomes_of_what_follows_the_cases_their_results_are_there(
    stage: str,
    named: str,
    thrown: BaseException,
    interrupted: bool,
    unjudged: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls = []

    def throws(*_: object) -> None:
        calls.append(thrown)
        if calls == [thrown] or not interrupted:  # a second interrupt ends the run
            raise thrown

    monkeypatch.setattr(f"conv_reference.verification.{stage}", throws)
    report = verify(faulty.flipped_kernel, case=FLIPPED, known=None)

    assert (report.verdict, report.judged) == (Verdict.WRONG, 1)
    assert report.interrupted is interrupted
    assert not report.was_cut
    said = {str(each).partition("test_run.py")[0] for each in report.unjudged}
    assert said == ({f"{named}: {unjudged}"} if unjudged else set())
    first = str(report).splitlines()[0]
    assert first.endswith(
        "(interrupted: this is what is known so far)"
        if interrupted
        else f"; the engine itself failed on {named}"
    )


def test_progress_is_told() -> None:
    seen: list[tuple[int, int]] = []
    verify(conv2d, case=FLIPPED, progress=lambda *counts: seen.append(counts))
    assert seen == [(0, 1), (1, 1)]


def test_known_defects_are_shown_and_do_not_fail_the_run(tmp_path: Path) -> None:
    file = tmp_path / "known.toml"
    file.write_text(KNOWN)
    (known,) = (report := verify(faulty.flipped_kernel, case=FLIPPED, known=file)).findings
    narrower = KNOWN + 'geometry = "kw > 2"'
    file.write_text(narrower)
    other = verify(faulty.flipped_kernel, case=FLIPPED, known=file)

    assert (known.known, report.passed, report.verdict) == ("flipped", True, Verdict.WRONG)
    assert report.stale == ()
    assert (other.findings[0].known, other.passed, other.stale) == (None, False, ())
    assert not verify(faulty.flipped_kernel, case=FLIPPED, known=None).passed


def test_a_known_defect_that_no_longer_shows_is_stale(tmp_path: Path) -> None:
    file = tmp_path / "known.toml"
    file.write_text(SHOWN)
    assert verify(faulty.correct, case=FLIPPED, known=file).stale == ("flipped",)
    assert verify(conv2d, case=FLIPPED, known=file).stale == ()


def test_a_known_defect_is_not_called_stale_where_no_failure_was_taken_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def throws(*_: object) -> None:
        raise OSError(24, "Too many open files")

    file = tmp_path / "known.toml"
    file.write_text(SHOWN)
    monkeypatch.setattr("conv_reference.verification.diagnosis.findings.Diagnosis.gathered", throws)
    report = verify(faulty.flipped_kernel, case=FLIPPED, known=file)
    assert (report.stale, report.passed) == ((), False)


def test_a_known_defect_is_not_called_stale_where_nobody_had_time_to_ask_whose_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "known.toml"
    file.write_text(SHOWN)
    monkeypatch.setattr(Bench, "known", lambda *_: None)
    report = verify(faulty.flipped_kernel, case=FLIPPED, known=file)
    assert (report.stale, report.passed) == ((), False)


def test_a_defect_that_shows_in_a_row_that_is_not_reported_is_not_stale(tmp_path: Path) -> None:
    file = tmp_path / "known.toml"
    file.write_text(SHOWN)
    report = certified(faulty.flipped_kernel, checks="grad_bias", known=file)

    assert {check.name for check in report.checks} == {"grad_bias"}
    assert report.stale == ()
    assert certified(faulty.correct, checks="grad_bias", known=file).stale == ("flipped",)


def test_what_fails_beside_a_known_defect_is_still_found(tmp_path: Path) -> None:
    file = tmp_path / "known.toml"
    file.write_text(KNOWN)
    report = certified(faulty.negative, known=file)

    assert not report.passed
    assert {f.quantity: f.known for f in report.findings} == {
        "Y": "flipped",
        "dX": None,
        "dK": None,
        "db": None,
    }


def test_findings_beyond_the_most_are_shown_as_they_were_met(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(findings_module, "MOST_REDUCED", 0)
    report = certified(faulty.lost_bias_gradient)
    assert [f.quantity for f in report.findings] == ["db"]
    assert "should be G" not in report.findings[0].explanation


def test_in_a_child_a_crash_costs_one_case_and_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The widths beside the one that crashes are judged; each look at the crash is a new child."""
    monkeypatch.setattr("conv_reference.verification.options.clock.MOST_APART", 2.0)
    report = verify(
        "hostile:segfaults",
        case="certificate float64 h1 w3 k1 values=ones grad= nobias",
        isolate=True,
        workers=1,
        seed=0,
    )
    (finding,) = report.findings

    assert (report.verdict, report.passed) == (Verdict.CRASHED, False)
    assert (finding.verdict, finding.actual) == (Verdict.CRASHED, "killed by SIGSEGV")
    assert finding.geometry == "n1 c1 h1 w3 o1 k1x1 s1 p0 d1 g1"
    assert "--in-process" not in finding.reproduce


@pytest.mark.slow
def test_a_wrong_output_that_one_check_meets_in_one_dtype_is_shown_in_wider_ones() -> None:
    """The certificate's rows are not among those asked for."""
    request = Request(dtypes=tuple(DTYPES.values()), seed=0, cases=60, checks=("homogeneity",))
    (met,) = (c for c in plan(as_target(conv2d), request).cases if c.dtype == DTYPES["bfloat16"])

    def spoiled(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):  # type: ignore[no-untyped-def]
        Y = conv2d(input, weight, bias, stride, padding, dilation, groups)
        return Y + 1 if weight.shape == met.geometry.weight_shape else Y

    report = verify(spoiled, seed=0, cases=60, checks=["homogeneity"], known=None)
    assert {check.name for check in report.checks} == {"homogeneity"}
    answered = {check.dtype for check in report.checks if check.verdict != Verdict.UNSUPPORTED}
    assert {(finding.check, finding.dtype) for finding in report.findings} == {
        ("forward", dtype) for dtype in answered
    }
    assert len(answered) >= 4


def test_a_case_of_which_nothing_is_asked_is_not_counted_as_one_that_was() -> None:
    """One group is not taken apart: where that is all, a check has nothing to ask."""
    report = verify(conv2d, checks="group_decomposition", budget=4.0, seed=1)
    judged = sum(row.cases for row in report.checks)
    assert report.silent > 0
    assert report.judged == judged + report.silent
    assert f"on {judged:,} case" in str(report).splitlines()[0]
