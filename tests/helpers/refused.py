"""What a command says that cannot be carried out."""

from __future__ import annotations

import pytest

from conv_reference.cli import main


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line on standard error; with exit status 2, and nothing on standard output."""
    try:
        status = main(arguments)
    except SystemExit as error:  # argparse's own way
        status = int(str(error.code))
    captured = capsys.readouterr()

    assert status == 2
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    return captured.err
