"""What the default plan says of sound convolutions, over several seeds: nothing, if it is right.

    python benchmarks/alarms.py [--seeds 10] [--first-seed 1] [--cases 1000] [--only NAME]...

Each sound convolution of the catalogue is put to about so many cases of the plan, in all dtypes, in
a process of its own for each seed. It prints how many seeds were quiet, and every alarm.
"""

from __future__ import annotations

import argparse
from collections import defaultdict

from conv_reference.verification.detection.measured import Alarm
from conv_reference.verification.detection.processes import each_apart
from conv_reference.verification.detection.questions import listened, unheard
from conv_reference.verification.faults.sound.collection import SOUND


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--workers", type=int, default=1)
    arguments = parser.parse_args()
    names = arguments.only or [*SOUND]
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    asked = [(name, seed, arguments.cases) for name in names for seed in seeds]
    heard: defaultdict[str, list[Alarm]] = defaultdict(list)
    for alarm in each_apart(listened, asked, arguments.workers, unheard):
        heard[alarm.name].append(alarm)
        if len(heard[alarm.name]) == len(seeds):
            print(told(heard[alarm.name]), flush=True)
    quiet = sum(is_quiet(each) for every in heard.values() for each in every)
    print(f"{quiet} of {len(asked)} quiet: {len(names)} convolutions, {len(seeds)} seeds")


def told(alarms: list[Alarm]) -> str:
    """One line for one convolution, and one for each of its alarms."""
    quiet, seconds = sum(is_quiet(each) for each in alarms), sum(each.seconds for each in alarms)
    cases = sum(each.cases for each in alarms)
    lines = [f"{alarms[0].name:28} {quiet} of {len(alarms)} quiet, {cases} cases ({seconds:.0f} s)"]
    return "\n  ".join([*lines, *(each.said for each in alarms if not is_quiet(each))])


def is_quiet(alarm: Alarm) -> bool:
    """Whether it was measured, and no fault was found with it."""
    return not alarm.check and not alarm.failed


if __name__ == "__main__":
    main()
