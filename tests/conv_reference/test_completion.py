from __future__ import annotations

import argparse
import re
import subprocess
from collections.abc import Iterator

import pytest

from conv_reference.cli import command_parser, main
from conv_reference.completion import SHELLS, text


def commands() -> dict[str, argparse.ArgumentParser]:
    (found,) = (
        action
        for action in command_parser()._actions
        if isinstance(action, argparse._SubParsersAction)
    )
    return dict(found.choices)


def flags() -> Iterator[str]:
    for parser in commands().values():
        for action in parser._actions:
            yield from action.option_strings


@pytest.mark.parametrize("shell", list(SHELLS))
def test_every_word_of_the_command_is_in_the_file(shell: str) -> None:
    """Else: make completion."""
    words = {*re.findall(r"[\w-]+", text(shell))}
    if shell == "fish":  # it has them without their hyphens
        words |= {f"--{word}" for word in words} | {f"-{word}" for word in words}

    assert {*commands(), *flags()} <= words


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("ver", ["verify"]),
        ("verify --update-b", ["--update-baseline"]),
        ("verify --format sa", ["sarif"]),
        ("verify --dtype b", ["bfloat16"]),
        ("completion f", ["fish"]),
    ],
)
def test_bash_completes_what_is_typed(typed: str, completed: list[str]) -> None:
    words = ["conv-reference", *typed.split()]
    script = f"{text('bash')}\nCOMP_WORDS=({' '.join(words)})\nCOMP_CWORD={len(words) - 1}\n"
    script += '_shtab_conv_reference 2>/dev/null\necho "${COMPREPLY[@]}"\n'
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.split() == completed


def test_the_command_prints_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "zsh"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("#compdef conv-reference\n")
    assert printed == text("zsh")
