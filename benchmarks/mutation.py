"""Which small changes of the code no test notices: a sample of mutants, made and run by mutmut.

``make mutation`` installs mutmut and runs this. Each module under ``[tool.mutmut]`` in
``pyproject.toml`` gives as many mutants, drawn at random; each mutant is put to the tests that call
its function, and those that survive are shown. A survivor is either a test that is missing, or a
change that makes no difference (a message that nobody promises, a bound that is only sooner
reached).

    python benchmarks/mutation.py [--sample 66] [--seed 0] [--only judge] [--minutes 45]

The exit status is 0 where all are killed, 1 where one survives, 2 where none was tried.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from itertools import chain, zip_longest
from pathlib import Path
from random import Random
from shutil import rmtree
from signal import SIGINT

MUTANTS = Path("mutants")
_MUTMUT = (sys.executable, "-m", "mutmut")
_SURVIVED, _KILLED = 0, 1  # pytest's exit status
_NO_TESTS = {5, 33}  # pytest's where none is selected, and mutmut's


def main(arguments: Sequence[str] | None = None) -> int:
    """Make, draw, run and show."""
    given = _parser().parse_args(arguments)
    rmtree(MUTANTS, ignore_errors=True)  # results of other code, or of other tests
    made = subprocess.run(  # it makes them and sees which tests call what; then none has that name
        [*_MUTMUT, "run", "none"], capture_output=True, text=True, check=False
    )
    if not (MUTANTS / "mutmut-stats.json").exists():
        print(f"{made.stdout[-2_000:]}\n{made.stderr[-2_000:]}", file=sys.stderr)
        return 2
    by_module = {module: [*found] for module, found in results().items() if given.only in module}
    drawn = sample(by_module, given.sample, Random(given.seed))
    run(drawn, given.children, 60 * given.minutes)
    found = {name: code for of_module in results().values() for name, code in of_module.items()}
    outcome = {name: found[name] for name in drawn}
    survivors = [name for name, code in outcome.items() if code == _SURVIVED]
    for name in survivors:
        subprocess.run([*_MUTMUT, "show", name], check=False)
    print(f"{len(drawn)} of {sum(map(len, by_module.values())):,} mutants: {summary(outcome)}")
    if not {_SURVIVED, _KILLED} & {*outcome.values()}:
        return 2
    return int(bool(survivors))


def sample(by_module: Mapping[str, Sequence[str]], number: int, random: Random) -> list[str]:
    """So many names, as many of each module as it has, in an order that a cut leaves even."""
    shuffled = [random.sample(sorted(names), len(names)) for _, names in sorted(by_module.items())]
    in_turn = chain.from_iterable(zip_longest(*shuffled))
    return [name for name in in_turn if name is not None][:number]


def run(names: Sequence[str], children: int, seconds: float) -> None:
    """Put mutants to their tests; at the end of the time what is left over is not run."""
    process = subprocess.Popen([*_MUTMUT, "run", "--max-children", str(children), *names])
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(SIGINT)  # on which mutmut stops its children
        process.wait()


def results() -> dict[str, dict[str, int | None]]:
    """What came of each mutant, by module: pytest's exit status; None where it was not run."""
    return {
        file.stem: json.loads(file.read_text(encoding="utf-8"))["exit_code_by_key"]
        for file in MUTANTS.rglob("*.meta")
    }


def summary(outcome: Mapping[str, int | None]) -> str:
    """How many were killed, survived, are called by no test, had no end, and were not run."""
    codes = [*outcome.values()]
    unseen = sum(code in _NO_TESTS for code in codes)
    known = codes.count(_KILLED) + codes.count(_SURVIVED) + unseen + codes.count(None)
    return (
        f"{codes.count(_KILLED)} killed, {codes.count(_SURVIVED)} survive, "
        f"{unseen} that no test calls, {len(codes) - known} without an end (hung, or crashed), "
        f"{codes.count(None)} not run"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--sample", type=int, default=66, metavar="N", help="how many (%(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0, help="another draws others (%(default)s)")
    parser.add_argument(
        "--only", default="", metavar="WORD", help="of modules with it in their name"
    )
    parser.add_argument(
        "--minutes", type=float, default=45, help="the longest that they run (%(default)s)"
    )
    parser.add_argument(
        "--children", type=int, default=1, metavar="N", help="at a time (%(default)s)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
