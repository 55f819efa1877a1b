"""The gate from the command line, as a maintainer would run it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from conv_reference.cli import main

pytestmark = pytest.mark.slow

Run = Callable[..., tuple[int, str, str]]

# Our own oracle: torch's dies of a signal on a rare case, and the command runs in this process.
RIGHT = "from conv_reference.functional import conv2d\n"
# Broken for groups, in dK alone: found by no test of the forward pass.
BROKEN = """
import torch
from conv_reference.functional import conv2d as right


class _Scaled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, weight, groups):
        ctx.groups = groups
        return weight.view_as(weight)

    @staticmethod
    def backward(ctx, grad):
        return (grad * 2 if ctx.groups > 1 else grad), None


def conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    weight = _Scaled.apply(weight, groups)
    return right(input, weight, bias, stride, padding, dilation, groups)
"""


@pytest.fixture
def verify(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Run the command on what ``kernels.py`` holds; the exit status, and what it said."""
    monkeypatch.chdir(tmp_path)
    # No clock: on a busy machine it would cut the baseline's own cases, and rightly be red.
    monkeypatch.setattr("conv_reference.verification.options.clock.OVERRUN", 1e6)

    def run(source: str, *words: str) -> tuple[int, str, str]:
        (tmp_path / "kernels.py").write_text(source, encoding="utf-8")
        common = ("kernels.py:conv2d", "--in-process", "--baseline", "held.json", "--memory=none")
        status = main(["verify", *common, *words])
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


SMALL = (
    "--dtype", "float32", "--check", "certificate", "--budget", "0.05", "--seed", "5",
    "--where", "h <= 4 and w <= 4",
)  # fmt: skip


def test_a_commit_that_breaks_dk_for_groups_turns_the_gate_red_and_its_mend_green(
    verify: Run,
) -> None:
    status, _, _ = verify(RIGHT, *SMALL, "--update-baseline")
    assert status == 0

    status, out, _ = verify(BROKEN)
    assert status == 1
    assert "BROKEN" in out.splitlines()[0]
    assert "grad_weight in float32 on cpu: was exact, is wrong" in out

    status, out, _ = verify(RIGHT)
    assert status == 0, out


@pytest.mark.parametrize("words", [(), ("--verbose",)])
def test_verbose_lists_every_row_of_a_first_baseline(verify: Run, words: tuple[str, ...]) -> None:
    _, shown, _ = verify(RIGHT, *SMALL, "--update-baseline", *words)
    assert bool(re.search(r"^ +grad_weight +exact", shown, re.MULTILINE)) == bool(words)


@pytest.mark.parametrize("words", [(), ("--verbose",)])
def test_verbose_lists_every_row_of_the_baselines_own_cases(
    verify: Run, words: tuple[str, ...]
) -> None:
    verify(RIGHT, *SMALL, "--update-baseline")
    _, shown, _ = verify(RIGHT, *words)
    assert bool(re.search(r"^ +grad_weight +exact", shown, re.MULTILINE)) == bool(words)
    assert shown.splitlines()[0].split(": ")[1] == "green"


def test_what_got_worse_is_not_taken_into_the_baseline_unless_asked(
    verify: Run, tmp_path: Path
) -> None:
    verify(RIGHT, *SMALL, "--update-baseline")
    held = (tmp_path / "held.json").read_text(encoding="utf-8")

    verify(BROKEN, "--update-baseline")
    rows = {
        row["check"]: row["verdict"]
        for row in json.loads((tmp_path / "held.json").read_text(encoding="utf-8"))["rows"]
    }
    assert rows["grad_weight"] == "exact"

    verify(BROKEN, "--update-baseline", "--accept-regressions")
    assert (tmp_path / "held.json").read_text(encoding="utf-8") != held
    status, out, _ = verify(BROKEN)
    assert status == 0, out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--geometry", "h2 w2 k1"], "--baseline goes with a whole run"),
        ([], "no baseline held.json; --update-baseline makes one"),
    ],
    ids=["a single geometry", "no baseline"],
)
def test_what_cannot_be_carried_out_is_one_line_and_status_2(
    verify: Run, words: list[str], message: str, tmp_path: Path
) -> None:
    status, _, err = verify(RIGHT, *words)
    assert status == 2
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "content", ["{", '{"schema": 99}', '{"schema": 1}'], ids=["corrupt", "newer", "incomplete"]
)
def test_a_baseline_that_cannot_be_read_is_refused_and_kept(
    verify: Run, tmp_path: Path, content: str
) -> None:
    (tmp_path / "held.json").write_text(content, encoding="utf-8")
    status, _, err = verify(RIGHT, "--update-baseline")
    assert status == 2
    assert err.count("\n") == 1
    assert (tmp_path / "held.json").read_text(encoding="utf-8") == content


def test_options_of_the_gate_are_refused_without_a_baseline(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["verify", "torch.nn.functional:conv2d", "--margin", "2"]) == 2
    assert "--margin goes with --baseline FILE" in capsys.readouterr().err
