from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from conv_reference.cli import main

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
    assert lines[-1].endswith("exit status 0")


def test_the_report_is_written_in_the_format_of_the_files_name(
    nets: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--input", "2x3x9x10", "--dtype", "float64", "--output", "report.json"]
    assert main(["model", f"{nets}:Small", *options]) == 0
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["passed"]
    assert {c["name"] for c in report["checks"]} >= {"stem Y", "stem dK", "up dX", "up db"}
    assert {c["dtype"] for c in report["checks"]} == {"float64"}
    assert "exit status 0" in capsys.readouterr().out


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
    ],
    ids=["shape", "size", "steps", "seed"],
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
