"""An exhaustive sweep: tiny geometries a second, two workers beside one, and memory.

    python benchmarks/sweep.py

Processor time of the whole command, its processes included. Two sweeps of different lengths are
compared, so that what a run costs anyhow, starting and reporting, drops out.
"""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
from dataclasses import dataclass

SHORT = "h<=3 w<=3 k<=3 s<=2 p<=1 d<=1 c<=2 o<=2"
LONG = "h<=4 w<=4 k<=3 s<=3 p<=1 d<=1 c<=2 o<=2"
TARGET = "torch.nn.functional:conv2d"


@dataclass(frozen=True)
class Cost:
    """Of one run of the command."""

    geometries: int
    seconds: float  # of processor time
    peak: float  # MiB, of its largest process


def main() -> None:
    rates = {}
    for workers in (1, 2):
        short, long = (swept(limit, workers) for limit in (SHORT, LONG))
        more = long.geometries - short.geometries
        rates[workers] = more / (long.seconds - short.seconds)
        print(
            f"workers {workers}: {rates[workers]:,.0f} geometries per second of processor time, of "
            f"{more:,}; at most {short.peak:,.0f} MiB over {short.geometries:,} geometries, "
            f"{long.peak:,.0f} MiB over {long.geometries:,}"
        )
    print(f"two workers on two idle cores: at most {2 * rates[2] / rates[1]:.2f} times one")


def swept(limit: str, workers: int) -> Cost:
    """One sweep in float32."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "conv_reference", "verify", TARGET]
    command += ["--sweep", "exhaustive", "--limit", limit, "--dtype", "float32"]
    command += ["--check", "certificate", "--workers", str(workers)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    found = re.search(r"on ([\d,]+) cases", done.stdout)
    assert found is not None, done.stdout + done.stderr
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(int(found[1].replace(",", "")), seconds, after.ru_maxrss / 1024)


if __name__ == "__main__":
    main()
