from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from conv_reference.cli import main
from conv_reference.verification.step import dispatched
from conv_reference.verification.step.dispatched import Dispatched

NETS = """\
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.up = nn.ConvTranspose2d(8, 4, 2, stride=2)

    def forward(self, x):
        return {"logits": self.up(self.stem(x).relu()), "hidden": [x]}


class Worn(TorchDispatchMode):
    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        answered = func(*args, **(kwargs or {}))
        if func.overloadpacket.__name__ == "convolution" and args[6]:
            answered[:, 2] += 1
        return answered




class Own(torch.autograd.Function):
    @staticmethod
    def forward(ctx, input, weight):
        ctx.save_for_backward(input, weight)
        return nn.functional.conv2d(input, weight)

    @staticmethod
    def backward(ctx, G):
        return None, 2 * nn.grad.conv2d_weight(ctx.saved_tensors[0], (2, 3, 3, 3), G)


class HandWritten(nn.Conv2d):
    def forward(self, input):
        return Own.apply(input, self.weight)


def around():
    return nn.Sequential(HandWritten(3, 2, 3))


def faulty():
    Worn().__enter__()
    return Small()


def nothing():
    return 3


instance = Small()
"""


@pytest.fixture
def nets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "nets.py").write_text(NETS)
    monkeypatch.chdir(tmp_path)
    return "nets.py"


@pytest.mark.parametrize("name", ["Small", "instance"])
def test_each_convolution_of_a_network_is_certified(
    name: str, nets: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["model", f"{nets}:{name}", "--input", "2x3x9x10"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(
        "right, as far as it was judged: 2 convolutions, 4 of 4 calls judged"
    )
    assert [line.split()[0] for line in lines[2:4]] == ["stem", "up"]
    assert lines[-1] == f"{nets}:{name}: {lines[0]}; exit status 0"


def test_the_last_line_says_how_much_was_met_and_not_judged(
    nets: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["model", f"{nets}:around", "--input", "2x3x9x10"]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("nets.py:around: right, as far as it was judged: ")
    assert last.endswith("; met and not judged: 1 thing; exit status 0")


def test_the_report_is_written_in_the_format_of_the_files_name(
    nets: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--input", "2x3x9x10", "--dtype", "float64", "--output", "report.json"]
    assert main(["model", f"{nets}:Small", *options]) == 0
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["passed"]
    assert {c["name"] for c in report["checks"]} >= {"stem Y", "stem dK", "up dX", "up db"}
    assert {c["dtype"] for c in report["checks"]} == {"float64"}
    said = (
        "nets.py:Small: right, as far as it was judged: 2 convolutions, 4 of 4 calls judged in 1 "
        "step, in float64; over integers 7 of 7 answers exact; exit status 0\n"
    )
    assert capsys.readouterr().out == said


@pytest.mark.slow
def test_what_is_wrong_in_one_layer_is_named_in_every_format(nets: str, tmp_path: Path) -> None:
    """In a process of its own: the network leaves a mode entered that stands for hardware."""
    options = ["--input", "2x3x9x10", "--output", "r.json", "--output", "r.html"]
    command = [sys.executable, "-m", "conv_reference", "model", f"{nets}:faulty", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    report = json.loads((tmp_path / "r.json").read_text())
    (finding,) = report["findings"]
    assert (finding["check"], finding["quantity"], finding["index"][1]) == ("up Y", "Y", 2)
    assert finding["reproduce"].startswith("conv-reference model nets.py:faulty --input 2x3x9x10")
    assert "up Y" in (tmp_path / "r.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--input", "2x3"], "the network throws on --input 2x3: RuntimeError: Expected 3D"),
        (
            ["--input", "2x0x3"],
            "--input must be sizes of at least 1, like 8x3x224x224, got '2x0x3'",
        ),
        (["--input", "2x3x9x9", "--steps", "0"], "--steps must be at least 1, got 0"),
        (["--input", "2x3x9x9", "--seed", "-1"], "--seed must be at least 0, got -1"),
        (["--input", "2x3x9x9", "--output", "a.xyz"], "--output: no format is named '.xyz', got"),
        (["--input", "2x3x9x9", "--output", "no/a.md"], "--output: no folder 'no'"),
    ],
    ids=["shape", "size", "steps", "seed", "suffix", "folder"],
)
def test_what_cannot_be_carried_out_is_one_line(
    arguments: list[str], message: str, nets: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["model", f"{nets}:Small", *arguments]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"conv-reference model: error: {message}")
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nothing", "'nets.py:nothing' must be, or make, an nn.Module, got int"),
        ("lacking", "cannot import 'nets.py:lacking': nets.py has no 'lacking'"),
    ],
)
def test_what_is_no_network_is_refused(
    name: str, message: str, nets: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["model", f"{nets}:{name}", "--input", "2x3x9x9"]) == 2
    assert message in capsys.readouterr().err


SHARED = """\
import os

from torch import nn


class Shared(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(1, 2, 3) if os.environ.get("STEM") else nn.Identity()
        self.head = nn.Conv2d(2 if os.environ.get("STEM") else 1, 2, 1)

    def forward(self, x):
        x = self.stem(x)
        return self.head(x), self.head(x[..., 1:])
"""


@pytest.fixture
def gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A network whose head is shared between two sizes, and a baseline to be."""
    (tmp_path / "shared.py").write_text(SHARED)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STEM", "1")
    return ["model", "shared.py:Shared", "--baseline", "held.json"]


@pytest.fixture
def held(gate: list[str], capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The same, with the baseline written."""
    assert main([*gate, "--input", "2x1x5x6", "--update-baseline"]) == 0
    assert "held.json: written, 22 rows\n" in capsys.readouterr().err
    return gate


def test_a_network_is_held_against_its_baseline_which_says_how_it_was_asked(
    held: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    names = {row["check"] for row in json.loads(Path("held.json").read_text())["rows"]}
    assert {"stem Y in place", "stem dK over integers"} <= names
    assert sum(name.startswith("head (n2 c2 h3 w3 ") for name in names) == 8

    assert main([*held, "--seed", "7"]) == 0

    said = capsys.readouterr()
    assert "green: 22 rows hold as in the baseline" in said.out
    assert "with the baseline's seed, 0\n" in said.err
    assert "with a fresh seed, 7\n" in said.err


def test_a_layer_that_is_gone_is_red(
    held: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("STEM")

    assert main(held) == 1

    assert (
        "stem dK over integers in float32 on cpu: was exact, is judged in no case"
        in capsys.readouterr().out
    )


def test_an_answer_that_got_worse_is_red_and_one_that_is_wrong_is_named(
    held: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = dispatched.backward

    def worn(arguments: Any, gradients: Any) -> Dispatched:
        """What hardware might answer: one output channel's part of dK is off."""
        gradients[1][1] += 1
        return whole(arguments, gradients)

    monkeypatch.setattr(dispatched, "backward", worn)

    assert main([*held, "--output", "r.json"]) == 1

    report = json.loads(Path("r.json").read_text())
    broken = {(each["check"], each["was"]): each["is"] for each in report["gate"]["broken"]}
    assert broken["stem dK in place", "rounded"] == "wrong"
    assert broken["stem dK over integers", "exact"].startswith("rounded with")
    (found,) = (f for f in report["findings"] if f["check"] == "stem dK in place")
    assert found["index"][0] == 1
    assert found["layout"] == "in stem"
    assert found["circumstances"] == "In place wrong in 1 of 1 calls, in step 1"
    assert re.match(
        r"dK\[1,0,\d,\d\]\n  should be \S+\n  is        \S+\nalone at this tap",
        found["explanation"],
    )
    assert "BROKEN" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--input", "2x1x5x7"], "--input 2x1x5x7: the baseline held.json was made with 2x1x5x6"),
        (["--steps", "2"], "--steps 2: the baseline held.json was made with 1"),
    ],
)
def test_a_gate_repeats_what_its_baseline_was_asked(
    words: list[str], message: str, held: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*held, *words]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "--input is needed, the shape of the network's input, like 8x3x224x224"),
        (["--input", "1x1x5x5", "--margin", "2"], "--margin goes with --baseline FILE"),
        (["--baseline", "none.json"], "no baseline none.json; --update-baseline makes one"),
    ],
)
def test_what_is_missing_is_one_line(
    words: list[str], message: str, gate: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*gate[:2], *words]) == 2
    assert capsys.readouterr().err == f"conv-reference model: error: {message}\n"


def test_a_network_is_made_with_the_same_weights_each_time(
    gate: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*gate[:2], "--input", "2x1x5x6", "--dtype", "float16"]
    said = []
    for _ in range(2):
        assert main(words) == 0
        said.append(capsys.readouterr().out)
    assert said[0] == said[1]
