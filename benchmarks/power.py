"""How many cases the default plan needs to find each planted fault, over several seeds.

    python benchmarks/power.py [--seeds 5] [--first-seed 1] [--only NAME_OR_CLASS]... [--workers N]
        [--operator conv_transpose2d]

Each fault is put to the cases in the plan's order, up to the first finding, in a process of its own
for each seed. It prints the median and the greatest number of cases, the checks that found it, and
the seeds in which the whole plan missed it. What nobody promises is observed, and is not wrong: the
catalogue says of which fault a report makes an observation.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from statistics import median

from conv_reference.verification.detection.fault_processes import each_apart
from conv_reference.verification.detection.measured import Outcome
from conv_reference.verification.detection.questions import sought, unmeasured
from conv_reference.verification.faults.collection import FAULTS, OPERATORS, planted_in


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--operator", choices=OPERATORS, default="conv2d")
    arguments = parser.parse_args()
    wanted = {*arguments.only}
    named = [m for m in FAULTS.values() if wanted & {m.name, m.fault_class}]
    chosen = named if wanted else planted_in(arguments.operator)
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    asked = [(fault.name, seed) for fault in chosen for seed in seeds]
    print(f"{'fault':27} {'class':10} {'in':12} {'median':>6} {'worst':>6}  found by; missed")
    outcomes: defaultdict[str, list[Outcome]] = defaultdict(list)
    for outcome in each_apart(sought, asked, arguments.workers, unmeasured):
        outcomes[outcome.name].append(outcome)
        if len(outcomes[outcome.name]) == len(seeds):
            print(told(outcomes[outcome.name]), flush=True)
    every = [each for own in outcomes.values() for each in own]
    found = sum(each.found is not None for each in every)
    observed = sum(bool(each.observed) for each in every)
    print(
        f"{found} of {len(asked)} found, {observed} observed: {len(chosen)} faults, "
        f"{len(seeds)} seeds"
    )


def told(outcomes: list[Outcome]) -> str:
    """One line for one fault."""
    first, found = outcomes[0], [each.found for each in outcomes if each.found is not None]
    places = [each.cases for each in found]
    shown = f"{median(places):6.0f} {max(places):6d}" if places else f"{'-':>6} {'-':>6}"
    by = ", ".join(row for row, _ in Counter(each.check for each in found).most_common(3))
    unseen = [each for each in outcomes if each.found is None and not each.failed]
    seeds = sorted(each.seed for each in unseen if not each.observed)
    missed = f"; MISSED in seeds {seeds}" if seeds else ""
    missed += f"; observed: {unseen[0].observed}" if len(unseen) > len(seeds) else ""
    missed += "".join(f"; NOT MEASURED: {each.failed}" for each in outcomes if each.failed)
    seconds = sum(each.seconds for each in outcomes)
    own = f"{first.name:27} {first.fault_class:10} {first.quantity:12}"
    return f"{own} {shown}  {by}{missed} ({seconds:.1f} s)"


if __name__ == "__main__":
    main()
