"""How many cases the default plan needs to find each planted fault, over several seeds.

    python benchmarks/power.py [--seeds 20] [--budget 20] [--only NAME_OR_CLASS]... [--most N]

Each mutant is put to the cases in the plan's order, up to the first finding; what no certificate
can show, first to those of the checks that may tell it. It prints the median and the greatest
number of cases, the check that found it, and the seeds in which the whole plan missed it. Memory
is perturbed as in the engine's child processes, so that unwritten results show.
"""

from __future__ import annotations

import argparse
import importlib
import os
import statistics
import sys
import time
from collections import Counter
from functools import cache
from pathlib import Path
from types import ModuleType

from conv_reference.verification.execution import Settings, judge_case
from conv_reference.verification.model.case import DTYPES, Case
from conv_reference.verification.model.result import FOUND
from conv_reference.verification.plan.plan import plan
from conv_reference.verification.plan.request import Request
from conv_reference.verification.target.conventions import as_target
from conv_reference.verification.trial.judge import Judgement

TARGETS = Path(__file__).parents[1] / "tests/conv_reference/verification/targets"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--budget", type=float, default=20.0)
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--most", type=int, default=10**9, help="cases for each mutant and seed")
    arguments = parser.parse_args()
    _perturb_memory()
    sys.path.insert(0, str(TARGETS))
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    print(
        f"{'mutant':26} {'class':10} {'quantity':12} {'median':>6} {'worst':>6}  found by; missed"
    )
    for name, mutant in _load().MUTANTS.items():
        wanted = arguments.only
        if wanted and name not in wanted and mutant.fault_class not in wanted:
            continue
        places: list[int] = []
        found_by: Counter[str] = Counter()
        missed: list[int] = []
        start = time.process_time()
        for seed in seeds:
            found = first_finding(name, seed, arguments.budget, arguments.most)
            if found is None:
                missed.append(seed)
                continue
            places.append(found[0])
            found_by[f"{found[1].check}/{found[1].quantity}"] += 1
        shown = (
            f"{statistics.median(places):6.0f} {max(places):6d}" if places else f"{'-':>6} {'-':>6}"
        )
        seconds = time.process_time() - start
        by = ", ".join(check for check, _ in found_by.most_common(3))
        print(
            f"{name:26} {mutant.fault_class:10} {mutant.quantity:12} {shown}  {by}"
            f"{f'; MISSED in seeds {missed}' if missed else ''} ({seconds:.1f} s)",
            flush=True,
        )


def first_finding(name: str, seed: int, budget: float, most: int) -> tuple[int, Judgement] | None:
    """The place in the plan of the first case that shows the fault, counted from 1."""
    mutants = _load()  # a module of its own, for some keep a state
    mutant = mutants.MUTANTS[name]
    target = as_target(mutant.function, name=f"mutants:{name}")
    first = mutants.shown_by(mutant)
    cases = sorted(_planned(seed, budget), key=lambda case: case.check not in first)
    for place, case in enumerate(cases[:most], start=1):
        for judgement in judge_case(target, case, Settings(seed=seed, device="cpu", brief=True)):
            if judgement.verdict in FOUND:
                return place, judgement
    return None


@cache
def _planned(seed: int, budget: float) -> tuple[Case, ...]:
    request = Request(dtypes=tuple(DTYPES.values()), seed=seed, budget=budget)
    return plan(as_target(importlib.import_module("direct").conv2d), request).cases


def _load() -> ModuleType:
    """The mutants afresh, with their states: as when a process imports them first."""
    for name in [name for name in sys.modules if name.partition(".")[0] in {"mutants", "faults"}]:
        del sys.modules[name]
    return importlib.import_module("mutants")


def _perturb_memory() -> None:
    """Start again under glibc's perturbation of fresh and freed memory."""
    if "MALLOC_PERTURB_" not in os.environ:
        os.environ["MALLOC_PERTURB_"] = "85"
        os.execv(sys.executable, [sys.executable, *sys.argv])


if __name__ == "__main__":
    main()
