"""Which small changes of the code no test notices: a sample of mutants, made and run by mutmut.

``make mutation`` installs mutmut and runs this. Of the modules under ``[tool.mutmut]`` in
``pyproject.toml`` mutants are drawn at random, each is put to the tests that call its function, and
those that survive are shown. A survivor is either a test that is missing, or a change that makes no
difference (a message that nobody promises, a bound that is only sooner reached).

    python benchmarks/mutation.py [--sample 80] [--seed 0] [--only judge] [--children 2]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random

MUTANTS = Path("mutants")
_KILLED, _SURVIVED, _NO_TESTS = {1, 3}, 0, {5, 33}  # exit codes of pytest, and mutmut's own


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw, run and show; 1 where one survives."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--sample", type=int, default=80, metavar="N", help="how many (%(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0, help="another draws others")
    parser.add_argument(
        "--only", default="", metavar="WORD", help="of modules with it in their name"
    )
    parser.add_argument("--children", type=int, default=2, metavar="N", help="at a time")
    given = parser.parse_args(arguments)
    if not results():
        mutmut("run", "none")  # makes all mutants and sees which tests call what; runs none
    names = sorted(name for name in results() if given.only in name)
    drawn = Random(given.seed).sample(names, min(given.sample, len(names)))
    mutmut("run", "--max-children", str(given.children), *drawn)
    found = results()
    outcome = {name: found[name] for name in drawn}
    survivors = [name for name, code in outcome.items() if code == _SURVIVED]
    for name in survivors:
        mutmut("show", name)
    killed = sum(code in _KILLED for code in outcome.values())
    unseen = sum(code in _NO_TESTS for code in outcome.values())
    rest = len(drawn) - killed - unseen - len(survivors)
    print(
        f"{len(drawn)} of {len(names):,} mutants: {killed} killed, {len(survivors)} survive, "
        f"{unseen} that no test calls, {rest} without an end (hung, crashed, or not run)"
    )
    return int(bool(survivors))


def results() -> dict[str, int | None]:
    """What came of each mutant: pytest's exit code; None where it was not run."""
    found: dict[str, int | None] = {}
    for file in MUTANTS.rglob("*.meta"):
        found |= json.loads(file.read_text(encoding="utf-8"))["exit_code_by_key"]
    return found


def mutmut(*words: str) -> None:
    """Run mutmut, whatever it comes to."""
    subprocess.run([sys.executable, "-m", "mutmut", *words], check=False)


if __name__ == "__main__":
    sys.exit(main())
