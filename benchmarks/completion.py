"""Write the files of shell completion anew: ``make completion``, after an option has changed."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import shtab

import conv_reference.completion
from conv_reference.cli import command_parser

FILES = {"FILE", "TARGET", "PATH", "DIR"}  # of what the value is completed as a file's name


def main() -> None:
    """One file for each shell, beside the command that prints it."""
    whole = command_parser()
    for action in _actions(whole):
        if action.metavar in FILES:
            action.complete = shtab.FILE
    folder = Path(conv_reference.completion.__file__).parent
    for shell in conv_reference.completion.SHELLS:
        text = shtab.complete(whole, shell)
        (folder / f"conv-reference.{shell}").write_text(text, encoding="utf-8")


def _actions(of: argparse.ArgumentParser) -> Iterator[Any]:
    for action in of._actions:  # noqa: SLF001 (argparse has no public name for them)
        yield action
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 (nor for these)
            for command in action.choices.values():
                yield from _actions(command)


if __name__ == "__main__":
    main()
