"""Shell completion: a file for each shell, written by ``make completion`` from the parser."""

from __future__ import annotations

import argparse
from importlib.resources import files

#: The shells, and where each looks for its file.
SHELLS = {
    "bash": "~/.local/share/bash-completion/completions/conv-reference",
    "zsh": "a folder of $fpath, as _conv-reference",
    "fish": "~/.config/fish/completions/conv-reference.fish",
}
EXAMPLES = """\
examples:
  conv-reference completion bash > ~/.local/share/bash-completion/completions/conv-reference
  conv-reference completion zsh > ~/.zfunc/_conv-reference
      where ~/.zshrc has: fpath=(~/.zfunc $fpath) before compinit
  conv-reference completion fish > ~/.config/fish/completions/conv-reference.fish
"""
HELP = "what a shell reads to complete the words of this command"
DESCRIPTION = "Print the file that a shell reads to complete the words of this command."
EPILOG: tuple[str, ...] = (EXAMPLES,)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The shell."""
    parser.add_argument("shell", choices=tuple(SHELLS), metavar="SHELL", help=", ".join(SHELLS))


def run(arguments: argparse.Namespace) -> int:
    """Print the shell's file.

    Returns:
        0.
    """
    print(text(arguments.shell), end="")
    return 0


def text(shell: str) -> str:
    """What a shell reads to complete the command's words.

    Args:
        shell: one of ``SHELLS``.
    """
    return files(__package__).joinpath(f"conv-reference.{shell}").read_text(encoding="utf-8")
