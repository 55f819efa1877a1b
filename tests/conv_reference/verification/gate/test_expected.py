from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from made_reports import RIGHT, finding, row

from conv_reference.cli import main
from conv_reference.verification.gate.expected import expecting, unmatched
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.reading.patterns import Pattern
from conv_reference.verification.report import text

WRONG = replace(
    RIGHT,
    checks=(row("forward"), row("grad_input", verdict=Verdict.WRONG)),
    findings=(finding(),),
)
FAILS = Pattern("grad_input-float32-*", "issue 12")
PASSES = Pattern("forward-float32-cpu", "issue 13")


def test_what_is_expected_to_fail_is_told_and_does_not_fail_the_run() -> None:
    report = expecting(WRONG, [FAILS])
    shown = text.render(report)

    assert report.passed
    assert "  a known defect: expected to fail: issue 12\n" in shown
    assert not WRONG.passed


def test_what_passes_and_was_expected_to_fail_is_a_failure() -> None:
    report = expecting(WRONG, [FAILS, PASSES])
    shown = text.render(report)

    assert not report.passed
    assert shown.startswith("my_kernels:conv2d: not as expected: 1 row passed")
    assert "take it out of the file: forward in float32: issue 13" in " ".join(shown.split())


def test_a_finding_that_shows_elsewhere_too_still_fails() -> None:
    checks = (*WRONG.checks, row("vjp", verdict=Verdict.WRONG))
    wrong = replace(WRONG, checks=checks, findings=(finding(also=("vjp",)),))
    report = expecting(wrong, [FAILS])

    assert not report.passed
    assert report.findings[0].known is None


def test_a_pattern_that_means_nothing_is_named() -> None:
    assert [*unmatched(WRONG, [FAILS, Pattern("forwrad-*", "")])] == ["forwrad-*"]


CASE = "certificate float32 n1 c1 h1 w2 o1 k1x2 s1 p0 d1 g1 values=counting grad= nobias"
COMMAND = ("verify", "faulty:flipped_kernel", "--case", CASE, "--in-process", "--xfail", "x.txt")


@pytest.mark.parametrize(
    ("patterns", "status", "said"),
    [
        ("forward-*  # flipped on purpose\n", 0, "on 1 case, but for 1 known defect"),
        ("forward-*\nshapes-*\n", 1, "not as expected: 1 row passed"),
        ("grad_input-*\n", 1, "wrong (1 finding)"),
    ],
)
def test_the_command_expects_what_a_file_says(
    patterns: str,
    status: int,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("x.txt").write_text(patterns)

    assert main([*COMMAND]) == status
    assert said in capsys.readouterr().out.splitlines()[-1]


def test_with_a_baseline_it_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ("--baseline", "b.json", "--update-baseline", "--xfail", "x.txt")
    assert main(["verify", "torch.nn.functional:conv2d", *words]) == 2
    assert "--xfail goes without --baseline" in capsys.readouterr().err
