from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import pytest

from conv_reference.cli import main
from conv_reference.verification.commands import verify as command

RIGHT = {
    "target": "mine:Right", "verdict": "exact", "passed": True, "environment": {}, "seed": 1,
    "planned": 3, "judged": 3, "seconds": 1.0, "findings": [],
    "checks": [{"name": "forward", "dtype": "float32", "verdict": "exact"}],
}  # fmt: skip


ONE = f"right={sys.executable}"
ONE_REPORT = "the report 'right.json' is written by a run that is asked for, too"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[argparse.Namespace]:
    """What runs were asked for; each writes a report, but for the target mine:None."""
    runs: list[argparse.Namespace] = []

    def run(arguments: argparse.Namespace) -> int:
        runs.append(arguments)
        (target,) = arguments.targets
        if target == "mine:None":
            raise ImportError("no module named 'mine'")
        report = RIGHT | {"target": target, "passed": target != "mine:Wrong"}
        arguments.output[0].write_text(json.dumps(report), encoding="utf-8")
        return 0

    monkeypatch.setattr(command, "run", run)
    return runs


def test_runs_are_made_one_after_another_with_the_options_given(
    asked: list[argparse.Namespace], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = tmp_path / "environments.txt"
    listed.write_text(f"# two\nmine:Two={sys.executable}  # an old one\n\n", encoding="utf-8")
    words = ["--environment", f"mine:One={sys.executable}", "--environments", str(listed)]
    options = ["--cases", "30", "--seed", "1", "--dtype", "float32", "--check", "vmap"]
    options += ["--check", "certificate", "--reports", str(tmp_path)]
    status = main(["frameworks", *words, *options])

    assert (status, [run.targets for run in asked]) == (0, [["mine:One"], ["mine:Two"]])
    assert {(r.python, r.cases, r.seed, *r.dtype, *r.check) for r in asked} == {
        (sys.executable, 30, 1, "float32", "vmap", "certificate")
    }
    assert capsys.readouterr().out.splitlines()[0].split() == ["mine:One", "mine:Two"]
    assert (tmp_path / "mine-Two.json").exists()


@pytest.mark.parametrize(("target", "expected"), [("mine:Wrong", 1), ("mine:None", 2)])
def test_the_status_says_whether_one_did_not_pass_or_could_not_be_run(
    target: str, expected: int, asked: list[argparse.Namespace], tmp_path: Path
) -> None:
    targets = [f"{name}={sys.executable}" for name in (target, "mine:Right")]
    words = [word for one in targets for word in ("--environment", one)]
    output, second = tmp_path / "table.html", tmp_path / "table.md"
    reports = ["--reports", str(tmp_path)]
    status = main(
        ["frameworks", *words, *reports, "--output", str(output), "--output", str(second)]
    )

    assert (status, len(asked)) == (expected, 2)  # neither keeps the other from its run
    page, markdown = (file.read_text(encoding="utf-8") for file in (output, second))
    assert page.startswith("<!")
    assert "mine:Right" in page
    assert markdown.startswith("|")
    assert "mine:Right" in markdown
    for text in (page, markdown):
        assert ("mine:None" in text) == (target == "mine:None")  # a column, with why below
        assert ("no module named" in text) == (target == "mine:None")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "give a REPORT, or --environment TARGET=PYTHON, or --environments FILE"),
        (["--environment", "mine"], "--environment must be TARGET=PYTHON, got 'mine'"),
        (["--environment", ONE, "--environment", ONE], f"--environment {ONE!r} is given twice"),
        (["--environments", "bad.txt"], "'bad.txt', line 3: must be TARGET=PYTHON, got 'mine'"),
        (["--environments", "old.txt"], "'old.txt', line 1: python must be an interpreter"),
        (["--environments", "remarks.txt"], "'remarks.txt' must have a line TARGET=PYTHON"),
        (["--environments", "bytes.txt"], "'bytes.txt' is no text in UTF-8"),
        (["--environment", ONE, "--reports", "bad.txt"], "--reports: cannot make the folder"),
        (["bad.txt"], "'bad.txt' is no JSON"),
        (["right.json", "./right.json"], "the report 'right.json' is given twice"),
        (["right.json", "--environment", ONE, "--reports", "."], ONE_REPORT),
        (
            ["right.json", "--cases", "3"],
            "--cases is of runs that are made here, got reports alone",
        ),
        (["right.json", "--seed", "0"], "--seed is of runs that are made here, got reports alone"),
        (["right.json", "--dtype", "float32"], "--dtype is of runs that are made here"),
        (["right.json", "--check", "vmap"], "--check is of runs that are made here"),
        (["--environment", ONE, "--check", "vmp"], "no check 'vmp'; accepted are"),
        (["right.json", "--reports", "new"], "--reports is of runs that are made here"),
        (["--environment", "a:B=none"], "python must be an interpreter"),
        (["none.json"], "cannot read 'none.json'"),
        (["none.json", "--cases", "0"], "--cases must be"),
        (["none.json", "--output", "table.xml"], "--output: the table has no format named '.xml'"),
        (["--environments", "none.txt"], "--environments: cannot read 'none.txt'"),
    ],
)
def test_what_cannot_be_carried_out_is_one_line(
    words: list[str],
    said: str,
    asked: list[argparse.Namespace],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bad.txt").write_text(f"# mine\n{ONE}\nmine\n", encoding="utf-8")
    Path("old.txt").write_text("mine:One=none\n", encoding="utf-8")
    Path("remarks.txt").write_text("# nothing yet\n\n", encoding="utf-8")
    Path("bytes.txt").write_bytes(b"\xff")
    Path("right.json").write_text(json.dumps(RIGHT), encoding="utf-8")

    assert main(["frameworks", *words]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert asked == []


def test_one_target_in_two_environments_has_two_reports(
    asked: list[argparse.Namespace], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "python"
    other.symlink_to(sys.executable)
    words = ["--environment", f"mine:One={sys.executable}", "--environment", f"mine:One={other}"]
    status = main(["frameworks", *words, "--reports", str(tmp_path)])

    assert (status, [run.output[0].name for run in asked]) == (
        0,
        ["mine-One.json", "mine-One-2.json"],
    )
    assert "mine:One, run 2" in " ".join(capsys.readouterr().out.split())
