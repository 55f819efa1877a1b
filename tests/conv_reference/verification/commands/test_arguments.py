from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from conv_reference.cli import main
from conv_reference.verification.commands.arguments import DEVICES
from conv_reference.verification.work.children import Children


def test_bad_arguments_are_refused_without_torch_and_without_children(tmp_path: Path) -> None:
    program = """
import sys
from conv_reference.cli import main
for words in sys.argv[1:]:
    try: status = main(["verify", *words.split("|")])
    except SystemExit as error: status = error.code
    print(status, "torch" in sys.modules)
"""
    bad: tuple[str, ...] = (
        "nowhere",
        "no.py:conv",
        "mine.py:con",
        "broken.py:conv",
        "a:b|--dtype|int8",
        "a:b|--sweep|x",
        "a:b|--check|x",
    )
    bad += ("a:b|--geometry|h2", "a:b|--geometry|h99999 w99999 k1", "a:b|--case|x float32 k1")
    bad += ("a:b|--budget|0", "a:b|--margin|1", "a:b|--format|x", "a:b|--known|none.toml")
    bad += ("mine.py:conv|--output|report.xyz", "a:b|--known|broken.py", "a:b|--known|mine.py")
    bad += ("torch:conv2d|--device|nonsense", "torch:conv2d|--device|cuda:x")
    (tmp_path / "mine.py").write_text("def conv(input, weight): ...")
    (tmp_path / "broken.py").write_text("def conv(input, weight)")
    done = subprocess.run(
        [sys.executable, "-c", program, *bad],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    assert done.stdout.splitlines() == ["2 False"] * len(bad)
    assert done.stderr.count("\n") == len(bad)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--known", "foreign.toml"), "not a field of a known defect: ['foreign']"),
        (("--device", "fpga"), "no device 'fpga' here"),
    ],
)
def test_what_torch_must_say_is_refused_before_a_child_is_started(
    words: tuple[str, ...],
    message: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    def start(_: Children) -> None:
        raise AssertionError("a child was started")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Children, "start", start)
    Path("foreign.toml").write_text("[[defect]]\nforeign = 1\n")
    assert main(["verify", "torch.nn.functional:conv2d", *words]) == 2
    assert message in capsys.readouterr().err


def test_the_kinds_of_devices_are_those_of_torch() -> None:
    with pytest.raises(RuntimeError, match="Expected one of") as error:
        torch.device("nonsense")
    listed = re.search(r"one of (.*) device type", str(error.value))
    assert listed is not None
    assert set(listed[1].split(", ")) == DEVICES
