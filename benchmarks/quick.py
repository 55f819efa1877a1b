"""``conv-reference verify --quick`` of a small convolution, over the import of torch.

    python benchmarks/quick.py [TURNS]

Each in a fresh process, in turn; the median of the turns, by the clock and by the processor's time
of all processes, those that outlive their parents included. Until a wrong case is told, it is that
of one whose Y is wrong. What else runs on the machine shows in the clock.
"""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from conv_reference.verification.work import descent

RIGHT = """\
import torch
from torch.nn.functional import unfold

def conv2d(x, w, stride=1, pad=0):
    columns = unfold(x, w.shape[2:], padding=pad, stride=stride)
    height = (x.shape[2] + 2 * pad - w.shape[2]) // stride + 1
    return (w.flatten(1) @ columns).unflatten(2, (height, -1))
"""
WRONG = RIGHT.replace("w.flatten(1)", "w.abs().flatten(1)")
QUICK = (sys.executable, "-m", "conv_reference.cli", "verify", "--quick", "--seed", "1")
ASKED = {
    "import torch": (sys.executable, "-c", "import torch"),
    "a wrong case is told": (*QUICK, "wrong.py:conv2d"),
    "all is judged": (*QUICK, "right.py:conv2d"),
}
TOLD = b"so far"  # in the line that tells it


def main() -> None:
    turns = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    descent.adopt()
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in ASKED}
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "right.py").write_text(RIGHT)
        (Path(folder) / "wrong.py").write_text(WRONG)
        for _ in range(turns):
            for name, command in ASKED.items():
                found[name].append(timed(command, folder, until_told="wrong" in name))
    for place, what in enumerate(("clock", "processor")):
        of_torch = median(times[place] for times in found["import torch"])
        for name, every in found.items():
            if place and "wrong" in name:
                continue  # it is interrupted, after it was told
            taken = median(times[place] for times in every)
            over = f"{taken - of_torch:.1f} s beyond the import, {taken / of_torch:.1f} times it"
            print(f"{what:9} {name:20} {taken:5.1f} s: {over}")


def timed(command: tuple[str, ...], folder: str, *, until_told: bool) -> tuple[float, float]:
    """Its seconds by the clock, and of the processor."""
    clean = {n: v for n, v in os.environ.items() if n not in {"PYTHONPATH", descent.MARK}}
    clean["PYTHONPATH"] = str(Path(__file__).resolve().parents[1])
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    with subprocess.Popen(
        command, cwd=folder, env=clean, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if until_told and TOLD in line:
                break
        else:
            process.wait()
        seconds = time.monotonic() - begun
        process.terminate()
    with contextlib.suppress(ChildProcessError):
        while True:  # those that were left to this process
            os.waitpid(-1, 0)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
