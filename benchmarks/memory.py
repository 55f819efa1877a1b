"""What `certify` adds to the memory of a layer's forward and backward pass.

    python benchmarks/memory.py

The peak of a step with each call judged, over the peak of the bare step, each in a process of its
own: in place alone, and with a replay over integers, which has operands and answers of its own. Of
Linux: the peak is the kernel's.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import torch
from torch import nn

from conv_reference.verification import certify

STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")
BATCH, CHANNELS = 16, 64
HOW = ("in place", "replayed")


def main() -> None:
    print("| layer | its tensors | layout | in place | replayed |\n|---|---|---|---|---|")
    for size in (56, 112, 160):
        for layout in ("contiguous", "channels_last"):
            added = [measured(size, layout, how) for how in HOW]
            whole = 4 * 4 * BATCH * CHANNELS * size**2 / 2**20
            cells = " | ".join(f"{mib:,.0f} MiB" for mib in added)
            named = f"3×3, {CHANNELS}→{CHANNELS}, {size}×{size}"
            print(f"| {named} | {whole:,.0f} MiB | {layout} | {cells} |", flush=True)


def measured(size: int, layout: str, how: str) -> float:
    command = [sys.executable, __file__, str(size), layout, how]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def added(size: int, layout: str, how: str) -> float:
    """MiB, beyond the peak of the same step without it."""
    torch.set_num_threads(1)
    order = torch.channels_last if layout == "channels_last" else torch.contiguous_format
    layer = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1)
    layer.to(memory_format=order)  # type: ignore[call-overload]  # it takes it
    shape = (BATCH, CHANNELS, size, size)
    X, G = (torch.randn(shape).contiguous(memory_format=order) for _ in range(2))
    X.requires_grad_()

    def step(*, judged: bool) -> float:
        X.grad = None
        RESET.write_text("5")  # the peak begins anew
        if judged:
            with certify(layer, replayed=how == "replayed") as certificate:
                layer(X).backward(G)
            assert certificate.passed, str(certificate)
        else:
            layer(X).backward(G)
        return peak()

    with certify(layer):  # what is imported and set up once is no matter here
        layer(torch.randn(1, CHANNELS, 8, 8)).sum().backward()
    step(judged=False)
    bare = step(judged=False)
    return step(judged=True) - bare


def peak() -> float:
    lines = STATUS.read_text().splitlines()
    (line,) = (line for line in lines if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    if sys.argv[1:]:
        print(added(int(sys.argv[1]), *sys.argv[2:]))
    else:
        main()
