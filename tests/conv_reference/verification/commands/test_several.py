from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from conv_reference.cli import main

pytestmark = pytest.mark.usefixtures("without_circumstances")

PLAIN = "certificate float32 n1 c1 h1 w2 o1 k1x2 s1 p0 d1 g1 values=counting grad= nobias"
RIGHT, WRONG = "torch.nn.functional:conv2d", "faulty:flipped_kernel"


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def verify(*words: str) -> int:
    return main(["verify", *words, "--case", PLAIN, "--in-process", "--seed", "0"])


def test_each_target_is_told_and_the_worst_is_the_status(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert verify(RIGHT, WRONG, "--quiet") == 1
    assert capsys.readouterr().out == (
        f"{RIGHT}: right, bit for bit, in float32, on 1 case; exit status 0\n\n"
        f"{WRONG}: wrong (1 finding), in float32, on 1 case; exit status 1\n\n"
        f"2 targets: 1 not with 0, {WRONG} (1); exit status 1\n"
    )


def test_where_all_is_right_the_last_line_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert verify(RIGHT, "torch:conv2d", "--quiet") == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == f"2 targets: all end with 0, {RIGHT}, torch:conv2d; exit status 0"


def test_one_that_cannot_be_called_keeps_no_other_from_its_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broken.py").write_text("raise ValueError('no')\nf = None\n", encoding="utf-8")

    assert verify("broken.py:f", RIGHT, "--quiet") == 2
    captured = capsys.readouterr()
    assert f"{RIGHT}: right, bit for bit" in captured.out
    assert captured.out.endswith("1 not with 0, broken.py:f (2); exit status 2\n")
    assert "ValueError: no" in captured.err


def test_a_file_has_the_targets_name_in_it(tmp_path: Path) -> None:
    verify(RIGHT, WRONG, "--output", "{target}.json")

    written = {path.name: json.loads(path.read_text())["verdict"] for path in tmp_path.iterdir()}
    assert written == {
        "torch.nn.functional-conv2d.json": "exact",
        "faulty-flipped_kernel.json": "wrong",
    }


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--watch", "--watch goes with one TARGET, got 2"),
        ("--format json", "--format json on standard output goes with one TARGET, got 2; accepted"),
        ("--output a.md", "'a.md' is of more than one TARGET; accepted is {target} in its name"),
        ("--format yaml", "format must be one of html"),
        ("--source none.cu", "source must be a file of text, got 'none.cu': No such file"),
        ("--where '1 ='", "not a predicate over sizes: '1 ='"),
    ],
)
def test_what_does_not_go_with_several_is_refused_before_anything_runs(
    words: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        status = verify(RIGHT, WRONG, *shlex.split(words))
    except SystemExit as error:  # argparse's own
        status = int(str(error.code))
    captured = capsys.readouterr()

    assert status == 2
    assert captured.out == ""
    if "yaml" not in words:  # which the parser refuses
        assert said in captured.err


def test_a_baseline_is_of_one_target(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["verify", RIGHT, WRONG, "--baseline", "held.json", "--in-process"]

    assert main(words) == 2
    assert "--baseline: 'held.json' is of more than one TARGET" in capsys.readouterr().err
    assert [*tmp_path.iterdir()] == []
