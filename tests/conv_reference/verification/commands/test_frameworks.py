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
    options = ["--cases", "30", "--seed", "1", "--dtype", "float32", "--reports", str(tmp_path)]
    status = main(["frameworks", *words, *options])

    assert (status, [run.targets for run in asked]) == (0, [["mine:One"], ["mine:Two"]])
    assert {(r.python, r.cases, r.seed, *r.dtype) for r in asked} == {
        (sys.executable, 30, 1, "float32")
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


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "give a REPORT, or --environment TARGET=PYTHON, or --environments FILE"),
        (["--environment", "mine"], "--environment must be TARGET=PYTHON, got 'mine'"),
        (["--environment", "a:B=none"], "python must be an interpreter"),
        (["none.json"], "cannot read 'none.json'"),
        (["none.json", "--cases", "0"], "--cases must be"),
        (["none.json", "--output", "table.xml"], "--output: the table has no format named '.xml'"),
        (["--environments", "none.txt"], "--environments: cannot read 'none.txt'"),
    ],
)
def test_what_cannot_be_carried_out_is_one_line(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["frameworks", *words]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
