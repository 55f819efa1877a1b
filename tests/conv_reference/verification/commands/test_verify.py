from __future__ import annotations

import json
import os
import re
import shlex
import signal
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from made_reports import RIGHT, row

from conv_reference.cli import main
from conv_reference.verification.execution import judge_case
from conv_reference.verification.report.view import status_of

pytestmark = pytest.mark.usefixtures("without_circumstances")

CASE = "certificate float32 n1 c1 h1 w2 o1 k1x2 s1 p0 d1 g1 values=counting grad= nobias"
PLAIN = "certificate float32 n1 c1 h2 w3 o1 k1x2 s1 p0 d1 g1"
HERE = shlex.split("--check certificate --dtype float32 --sweep small --budget 0.1 --in-process")
SHORT = (*HERE[:-1], "--workers", "1")


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Failing cases are remembered in the current folder; and no busy machine cuts a run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("conv_reference.verification.options.clock.OVERRUN", 1_000.0)


def verify(*arguments: str) -> int:
    """The status of the command, argparse's own included."""
    try:
        return main(["verify", *arguments])
    except SystemExit as error:
        return int(str(error.code))


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    verify(*arguments, "--format", "json")
    report: dict[str, Any] = json.loads(capsys.readouterr().out)
    return report


def test_what_is_right_says_so_and_exits_0(capsys: pytest.CaptureFixture[str]) -> None:
    target = "torch.nn.functional:conv2d"
    assert verify(target, "--case", PLAIN, "--in-process") == 0
    assert capsys.readouterr().out.startswith(f"{target}: right, bit for bit, on 1 case\n")


def test_what_is_wrong_says_how_and_exits_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert verify("faulty:flipped_kernel", "--case", CASE, "--in-process") == 1
    printed = capsys.readouterr().out
    assert printed.startswith("faulty:flipped_kernel: wrong (1 finding), on 1 case\n")
    assert "  is        K[0,0]·X[0,1] + K[0,1]·X[0,0]" in printed


@pytest.mark.slow
def test_a_run_in_children_finds_what_its_commands_show_again(
    capsys: pytest.CaptureFixture[str],
) -> None:
    report = told(capsys, "faulty:flipped_kernel", "--seed", "0", *SHORT)
    assert (report["target"], report["seed"]) == ("faulty:flipped_kernel", 0)
    assert {finding["quantity"] for finding in report["findings"]} == {"Y", "dX", "dK"}

    shared = [
        *("check", "quantity", "geometry", "verdict", "index", "expected", "actual"),
        *("explanation", "layout", "dtype", "seed"),
    ]
    for finding in report["findings"]:
        program, command, *arguments = shlex.split(finding["reproduce"])
        again = told(capsys, *arguments, "--in-process")["findings"]

        assert (program, command) == ("conv-reference", "verify")
        assert {k: finding[k] for k in shared} in [{k: f[k] for k in shared} for f in again]


def test_a_reproducing_command_runs_as_it_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    (finding,) = told(capsys, "faulty:flipped_kernel", "--case", CASE, "--in-process")["findings"]
    assert main(shlex.split(finding["reproduce"])[1:]) == 1
    assert finding["explanation"].splitlines()[-1] in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "status"),
    [((), 0), (("--require", "exact"), 1), (("--require", "rounded"), 0)],
    ids=["by default", "exact", "rounded"],
)
def test_what_is_rounded_passes_unless_exactness_is_required(
    options: tuple[str, ...], status: int
) -> None:
    case = f"{PLAIN} values=heavy_input nobias grad="
    assert verify("faulty:detour", "--case", case, "--in-process", "--seed", "3", *options) == (
        status
    )


def test_an_unsupported_mode_fails_only_where_modes_are_required() -> None:
    words = "--geometry 'h1 w1 k1' --dtype float64 --in-process --seed 0"
    options = shlex.split(f"{words} --check certificate --check jvp")
    assert verify("faulty:wrong_groups", *options) == 0
    assert verify("faulty:wrong_groups", *options, "--require-modes") == 1


def test_who_answers_what_has_no_answer_fails_only_where_it_is_strict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = """
import torch

def conv2d(input, weight, bias=None, stride=(1, 1)):
    stride = tuple(max(step, 1) for step in stride)
    return torch.nn.functional.conv2d(input, weight, bias, stride)
"""
    (tmp_path / "lax.py").write_text(source, encoding="utf-8")
    words = ("lax.py:conv2d", "--check", "refusals", "--dtype", "float64", "--in-process")

    assert verify(*words) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert "in float64" in last
    assert "permissive: it answers arguments for which there is no convolution" in last
    assert last.endswith("; exit status 0")
    assert verify(*words, "--strict") == 1


def test_a_mode_that_raises_in_a_part_of_its_cases_fails_where_modes_are_required() -> None:
    raising = row("vmap", unsupported=3, raises=True, reason="raises a ValueError")
    report = replace(RIGHT, checks=(row("forward"), raising))
    assert [status_of(report, require_modes=required) for required in (False, True)] == [0, 1]


def test_precision_that_is_allowed_is_no_fault() -> None:
    case = "certificate float32 c2 h4 w4 o2 k3 values=heavy_weight grad= nobias"
    options = ("--case", case, "--in-process", "--seed", "0")
    assert verify("faulty:in_ten_bits", *options) == 1
    assert verify("faulty:in_ten_bits", *options, "--allow-bits", "10") == 0


def test_known_defects_come_from_the_file_that_is_named_or_none(tmp_path: Path) -> None:
    file = tmp_path / "known.toml"
    file.write_text(
        '[[defect]]\nname = "a"\nsummary = "b"\nlink = "c"\ndate = "2026-11-24"\n'
        'targets = ["faulty:"]\nquantities = ["Y"]\n'
    )
    command = ("faulty:flipped_kernel", "--case", CASE, "--in-process")
    assert verify(*command, "--known", str(file)) == 0
    assert verify(*command, "--known", "none") == 1


def test_what_the_engine_itself_fails_on_is_told_and_exits_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def fails_on_strides(target: Any, case: Any, settings: Any) -> Any:
        return 1 / 0 if max(case.geometry.stride) > 1 else judge_case(target, case, settings)

    monkeypatch.setattr(
        "conv_reference.verification.running.judging_cases.judge_case", fails_on_strides
    )
    command = (*HERE, "--seed", "1")
    assert verify("torch.nn.functional:conv2d", *command) == 2
    printed = capsys.readouterr()
    assert re.match(r".*: right, .*; the engine itself failed on \d+ more cases\n", printed.out)
    assert "ZeroDivisionError: division by zero" in printed.out
    assert "cut the run" not in printed.out
    assert printed.err.endswith("error: the engine itself failed: see the report\n")

    assert verify("faulty:flipped_kernel", *command) == 1
    baseline = tmp_path / "baseline.json"
    assert verify("torch.nn.functional:conv2d", *command, "--baseline", str(baseline)) == 2
    assert not baseline.exists()


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_prints_what_is_known_and_exits_130(
    kind: signal.Signals, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    calls = []

    def interrupted(*arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) > 10:
            os.kill(os.getpid(), kind)
        return judge_case(*arguments)

    monkeypatch.setattr("conv_reference.verification.running.judging_cases.judge_case", interrupted)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's `&` ignores it
    try:
        assert verify("torch.nn.functional:conv2d", *HERE) == 130
    finally:
        signal.signal(signal.SIGINT, before)
    printed = capsys.readouterr().out
    assert "interrupted: this is what is known so far" in printed
    assert re.search(r"not reached, for the run was interrupted: \d+ cases of certificate", printed)


def test_a_target_in_a_file_and_a_report_in_another(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.py").write_text(
        "from torch.nn.functional import conv2d\n"
        "def convolve(input, weight):\n"
        "    return conv2d(input, weight.flip(2, 3))\n"
    )
    output = tmp_path / "report.json"
    options = ("--case", CASE, "--in-process", "--format", "json", "--output", str(output))

    assert verify("mine.py:convolve", *options) == 1
    assert capsys.readouterr().out == (
        "mine.py:convolve: wrong (1 finding), in float32, on 1 case; exit status 1\n"
    )
    report = json.loads(output.read_text())
    assert (report["schema"], report["verdict"]) == (1, "wrong")
    assert report["findings"][0]["geometry"] == "n1 c1 h1 w2 o1 k1x2 s1 p0 d1 g1"


CONV2D = "torch.nn.functional:conv2d"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere:conv2d"], "cannot import 'nowhere': ModuleNotFoundError"),
        (["torch.nn:Nothing"], "cannot import 'torch.nn:Nothing': torch.nn has no 'Nothing'"),
        (["torch.nn"], "not a target: 'torch.nn'; accepted is package.module:attribute"),
        (["raises.py:conv2d"], "cannot import 'raises.py': ZeroDivisionError: division by zero"),
        (["exits.py:conv2d"], "cannot import 'exits.py': SystemExit: 0"),
        (["missing.py:conv2d"], "cannot import 'missing.py': no such file"),
        (["torch.nn:Linear"], "cannot construct 'torch.nn:Linear' with the signature"),
        ([CONV2D, "--geometry", "h2"], "the geometry 'h2' lacks w, k; accepted is a form like"),
        ([CONV2D, "--geometry", "h1 w1 k2"], "the kernel must fit into the padded input"),
        ([CONV2D, "--case", "rubbish"], "not a case: 'rubbish'; accepted is a check, a dtype "),
        ([CONV2D, "--case", ""], "not a case: ''; accepted is a check, a dtype and a geometry"),
        ([CONV2D, "--case", "a float32 h1 w1 k1"], "no check 'a'; accepted are"),
        ([CONV2D, "--dtype", "int8"], "argument --dtype: invalid choice: 'int8'"),
        ([CONV2D, "--seed", "-1"], "seed must be at least 0, got -1"),
        ([CONV2D, "--seed", "x"], "argument --seed: invalid int value: 'x'"),
        ([CONV2D, "--budget", "0"], "budget must be finite and more than 0 seconds, got 0.0"),
        ([CONV2D, "--budget", "nan"], "budget must be finite and more than 0 seconds, got nan"),
        ([CONV2D, "--workers", "0"], "workers must be 1..256, got 0"),
        ([CONV2D, "--allow-bits", "0"], "--allow-bits must be 1..53, got 0"),
        ([CONV2D, "--check", "nothing"], "no check 'nothing'; accepted are"),
        ([CONV2D, "--margin", "1"], "--margin goes with --baseline FILE"),
        ([CONV2D, "--margin", "0"], "--margin goes with --baseline FILE"),
        ([CONV2D, "--baseline", "b", "--margin", "nan"], "--margin must be at least 0 bits"),
        (
            [CONV2D, "--geometry", "h100000 w100000 k1"],
            "K and Y must have at most 134,217,728 elements together, got 20,000,000,001",
        ),
        ([CONV2D, "--case", "certificate int8 h1 w1 k1"], "dtype must be one of float64, "),
        ([CONV2D, "--case", "certificate float32 h1 w1"], "the geometry 'h1 w1' lacks k"),
        (
            [CONV2D, "--device", "x"],
            "--device must be cpu, cuda, cuda:1, mps or another that torch has",
        ),
        ([CONV2D, "--sweep", "wide"], "argument --sweep: invalid choice: 'wide'"),
        ([CONV2D, "--output", "no/where.txt"], "--output: no folder 'no'"),
        (
            [CONV2D, "--output", "report.xyz"],
            "--output: no format is named '.xyz', got 'report.xyz'; accepted are .",
        ),
        (["raises.py:conv"], "raises.py has no 'conv'; did you mean conv2d?"),
        ([CONV2D, "--output", "."], "--output: '.' is a folder; accepted is a file"),
        ([CONV2D, "--baseline", "."], "--baseline: '.' is a folder; accepted is a file"),
        (
            [CONV2D, "--baseline", "no/where.json", "--update-baseline"],
            "--baseline: no folder 'no'",
        ),
        (
            [CONV2D, "--case", CASE, "--geometry", "h1 w1 k1"],
            "--geometry says nothing beside --case; accepted is one of them",
        ),
        (
            [CONV2D, "--in-process", "--workers", "2"],
            "--workers says nothing beside --in-process; accepted is one of them",
        ),
        ([CONV2D, "--format", "json", "--output", "-"], "--output: '-' is no file; accepted is "),
        (
            ["--baseline", "-", "--update-baseline", CONV2D],
            "--baseline: '-' is no file; accepted is ",
        ),
        ([CONV2D, "--output", "/proc/x"], "--output: cannot write '/proc/x': "),
        (
            [CONV2D, "--known", "missing.toml"],
            "--known: cannot read 'missing.toml': No such file or directory",
        ),
        ([CONV2D, "--known", "."], "--known: cannot read '.': Is a directory"),
        ([CONV2D, "--known", "bad.toml"], "bad.toml is no TOML"),
        ([], "no TARGET is given, and pyproject.toml has no targets"),
    ],
    ids=lambda value: " ".join(value)[:50] if isinstance(value, list) else "",
)
def test_what_cannot_be_carried_out_is_one_line_and_exit_2(
    arguments: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    (tmp_path / "raises.py").write_text("1 / 0\nconv2d = None\n")
    (tmp_path / "exits.py").write_text("raise SystemExit(0)\nconv2d = None\n")
    (tmp_path / "bad.toml").write_text("[[defect\n")

    here = [] if not arguments or "--workers" in arguments else ["--in-process"]
    status = verify(*arguments, *here)
    captured = capsys.readouterr()

    assert status == 2
    assert captured.out == ""
    *opening, said = captured.err.splitlines()  # the run may have been announced
    assert said.startswith("conv-reference verify: error: ")
    assert message in said
    assert len(opening) <= 1
    assert not opening or opening[0].startswith(f"conv-reference {version('conv-reference')}: ")


@pytest.mark.parametrize("there", [True, False])
def test_a_refused_run_leaves_the_output_as_it_was(there: bool, tmp_path: Path) -> None:
    output = tmp_path / "report.txt"
    if there:
        output.write_text("of the last run")

    assert verify(CONV2D, "--geometry", "h2", "--in-process", "--output", str(output)) == 2
    assert output.exists() == there
    assert not there or output.read_text() == "of the last run"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_an_output_that_cannot_be_written_in_the_end_names_the_option(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert verify(CONV2D, "--case", CASE, "--in-process", "--output", "/dev/full") == 2
    printed = capsys.readouterr()
    assert "--output: cannot write '/dev/full': No space left" in printed.err
    assert printed.out.startswith(f"{CONV2D}: right, bit for bit, on 1 case\n")


def test_a_target_that_cannot_be_imported_in_the_child_is_one_line_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "leaves.py").write_text("import os\nos._exit(0)\nconv2d = None\n")
    assert verify("leaves.py:conv2d", "--workers", "1") == 2
    assert capsys.readouterr().err.endswith(
        "\nconv-reference verify: error: cannot import 'leaves.py:conv2d': "
        "left the process with status 0\n"
    )


@pytest.mark.parametrize(
    ("target", "options", "what"),
    [
        ("mine.py:conv", "--output mine.py", "the target's source"),
        ("mine.py:conv", "--output ./mine.py", "the target's source"),
        ("mine:conv", "--output mine.py", "the target's source"),
        ("package.kernels:conv", "--output package/kernels.py", "the target's source"),
        ("mine.py:conv", "--output b.json --baseline b.json", "the baseline"),
        ("mine.py:conv", "--output k.toml --known k.toml", "the registry of known defects"),
    ],
)
def test_what_a_run_reads_is_not_overwritten(
    target: str, options: str, what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "package").mkdir()
    files = [tmp_path / name for name in ("mine.py", "package/kernels.py", "b.json", "k.toml")]
    for file in files:
        file.write_text("conv = 'as it was'")

    assert verify(target, *options.split()) == 2
    assert f"is {what}; accepted is another file" in capsys.readouterr().err
    assert {file.read_text() for file in files} == {"conv = 'as it was'"}
