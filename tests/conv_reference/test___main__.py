"""The command as its script begins it: of an interrupt there is one line, whenever it comes."""

from __future__ import annotations

import subprocess
import sys

import pytest

WITHIN = """
import os, signal, sys

signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it

class Interrupted:
    def find_spec(self, name, path=None, target=None):
        if name == "{module}":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupted())
sys.argv[1:] = ["checks", "--format", "json"]
from conv_reference.__main__ import main
raise SystemExit(main())
"""


@pytest.mark.parametrize(
    "module", ["argparse", "conv_reference.cli", "conv_reference.verification.commands"]
)
def test_an_interrupt_while_the_command_is_imported_is_one_line(module: str) -> None:
    command = [sys.executable, "-c", WITHIN.format(module=module)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "conv-reference: interrupted\n")


def test_little_is_imported_before_an_interrupt_is_one_line() -> None:
    """Python tells the others with a traceback, from wherever the import happens to be."""
    program = "import sys; from conv_reference import __main__; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path[:0] = {sys.path}; {program}"],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = done.stdout.split()
    assert "conv_reference.__main__" in loaded
    assert not {"typing", "re", "enum", "argparse", "pathlib", "torch"} & {*loaded}
