"""What a run says of sound convolutions, over several seeds: that they are right.

    python benchmarks/alarms.py [--seeds 10] [--first-seed 1] [--cases 500] [--only NAME]...

Each sound convolution of the catalogue is verified in all dtypes, with about so many cases. It
prints for each how many seeds passed, and the first line of every report that did not.
"""

from __future__ import annotations

import argparse

from conv_reference.verification import load_target, verify
from conv_reference.verification.detection.measured import SOUND_PLACE
from conv_reference.verification.faults.sound.collection import SOUND


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--cases", type=int, default=500)
    parser.add_argument("--only", action="append", default=[])
    arguments = parser.parse_args()
    names = arguments.only or [*SOUND]
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    passed = 0
    for name in names:
        alarms = [*filter(None, (alarm(name, seed, arguments.cases) for seed in seeds))]
        passed += len(seeds) - len(alarms)
        said = f"{name:28} {len(seeds) - len(alarms)} of {len(seeds)} seeds passed"
        print("\n  ".join([said, *alarms]), flush=True)
    print(f"{passed} of {len(names) * len(seeds)} passed: {len(names)} convolutions")


def alarm(name: str, seed: int, cases: int) -> str:
    """The first line of a report that fails, and its first finding's; empty for one that passes."""
    report = verify(load_target(f"{SOUND_PLACE}:{name}"), seed=seed, cases=cases, isolate=True)
    if report:
        return ""
    lines = str(report).splitlines()
    finding = next((line for line in lines if line.startswith(("1. ", "WRONG", "RAISED"))), "")
    return f"seed {seed}: {lines[0]}: {finding}"


if __name__ == "__main__":
    main()
