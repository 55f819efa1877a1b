"""What README shows is what a run prints."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from conv_reference.verification.commands.verify import LETTERS

README = Path(__file__).parents[1] / "README.md"


def _block(language: str, containing: str) -> str:
    blocks: list[str] = re.findall(
        rf"```{language}\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL
    )
    return next(block for block in blocks if containing in block)


def test_a_geometrys_letters_are_explained_as_the_help_does() -> None:
    text = " ".join(README.read_text(encoding="utf-8").split())
    spelled, _, legend = text.partition("A geometry, `")[2].partition("`: ")
    explained = dict(re.findall(r"([a-z]) ([a-z ]+?)(?=[,;])", legend.partition(". ")[0]))

    assert spelled in LETTERS
    assert {token[0] for token in spelled.split()} <= {*explained, "h", "w"}
    for letter, meaning in explained.items():
        assert f"{letter} {meaning}" in " ".join(LETTERS.split())


@pytest.mark.slow
def test_the_first_finding_is_the_one_that_the_command_prints(tmp_path: Path) -> None:
    (tmp_path / "my_conv.py").write_text(_block("python", "# my_conv.py"), encoding="utf-8")
    command = _block("console", "--check certificate").removeprefix("$ ")
    shown = _block("text", "WRONG: ")

    words = shlex.split(command)[1:]
    run = subprocess.run(
        [sys.executable, "-m", "conv_reference.cli", *words],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1, run.stderr
    assert shown in run.stdout
