"""``--quick`` of a small convolution, over the import of torch: until one case is judged, and all.

    python benchmarks/quick.py [TURNS]

Each in a fresh process, in turn; the least of the turns, by the clock and by the processor's time
of all processes. What else runs on the machine shows in the clock.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TARGET = """\
import torch
from torch.nn.functional import unfold

def conv2d(x, w, stride=1, pad=0):
    columns = unfold(x, w.shape[2:], padding=pad, stride=stride)
    height = (x.shape[2] + 2 * pad - w.shape[2]) // stride + 1
    return (w.flatten(1) @ columns).unflatten(2, (height, -1))
"""
QUICK = """\
import json, sys, time
from conv_reference.verification import verify
first = []
def heard(done, planned):
    if done and not first:
        first.append(time.time())
report = verify("own.py:conv2d", quick=True, seed=1, known=None, isolate=True, progress=heard)
assert report, str(report)
print(json.dumps([first[0], time.time()]))
"""


def main() -> None:
    turns = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    clock: dict[str, list[float]] = {"import torch": [], "one judged": [], "all": []}
    busy: dict[str, list[float]] = {"import torch": [], "all": []}
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "own.py").write_text(TARGET)
        for _ in range(turns):
            begun, _, taken = timed("import torch", folder)
            clock["import torch"].append(time.time() - begun)
            busy["import torch"].append(taken)
            begun, said, taken = timed(QUICK, folder)
            first, last = json.loads(said)
            clock["one judged"].append(first - begun)
            clock["all"].append(last - begun)
            busy["all"].append(taken)
    for what, found in (("clock", clock), ("processor", busy)):
        of_torch = min(found["import torch"])
        for name, times in found.items():
            least = min(times)
            over = f"{least - of_torch:.1f} s beyond the import, {least / of_torch:.1f} times it"
            print(f"{what:9} {name:12} {least:5.1f} s: {over}")


def timed(program: str, folder: str) -> tuple[float, str, float]:
    """When it began, what it printed last, and its processor's time, children included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = time.time()
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env=clean,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    busy = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return begun, (done.stdout.splitlines() or [""])[-1], busy


if __name__ == "__main__":
    main()
