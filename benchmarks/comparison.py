"""Planted faults and sound convolutions, put to what people check convolutions with.

    python benchmarks/comparison.py [--only NAME_OR_CLASS]... [--workers N] [--write]

Each check of ``peers.py`` is run at its defaults on torch's own samples and on a handful of others,
in a process of its own for each convolution. ``--write`` puts the results into
``docs/detection/peers.json`` as they come, and leaves out the tools that stand there already,
unless named; with ``--page`` nothing is run, and the page and the picture are made anew from what
stands there and in ``docs/detection/faults.json``.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import time
import warnings
from itertools import zip_longest
from pathlib import Path
from typing import Any

import torch

from conv_reference.verification.detection.fault_processes import each_apart
from conv_reference.verification.faults.collection import CLASSES, FAULTS
from conv_reference.verification.faults.sound.collection import SOUND

FOLDER = Path(__file__).parents[1] / "docs/detection"
# Of another kind than a function of X and K: (N, H, W), and numpy's arrays.
NOT_ASKED = {"PlaneLayer", "numpy_adapter"}
SEED = 1
_MOST_SAID = 120
# Seconds to import, and what the checks are made of: once for all.
_NEEDED = (
    "conv_reference.verification.faults.sound.collection",
    "hypothesis",
    "torch._dynamo",
    "torch._functorch.aot_autograd",
    "torch.testing._internal.common_methods_invocations",
    "torch.testing._internal.optests",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--page", action="store_true")
    arguments = parser.parse_args()
    if arguments.page:
        sys.path.insert(0, str(Path(__file__).parent))
        importlib.import_module("detection_page").write(FOLDER)
        return
    wanted = {*arguments.only}
    kept = FOLDER / "peers.json"
    told: dict[str, Any] = json.loads(kept.read_text("utf-8")) if kept.is_file() else {}
    named = [m.name for m in FAULTS.values() if wanted & {m.name, m.fault_class}]
    named += [name for name in SOUND if name in wanted]
    names = named or [name for name in in_turn() if name not in told]
    for name, seen in each_apart(put, names, arguments.workers, _nothing, needed=_NEEDED):
        told[name] = seen
        found = [check for check, (said, _) in seen.items() if said]
        print(f"{name:28} {'; '.join(found) or '-'}", flush=True)
        if arguments.write:
            kept.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", "utf-8")


def in_turn() -> list[str]:
    """All of them, in an order of which every beginning has all classes, and sound ones."""
    lots = [[*planted.mutants] for planted in CLASSES if planted.operator == "conv2d"]
    sound = [name for name in SOUND if name not in NOT_ASKED]
    lots += [sound[first::8] for first in range(8)]
    return [name for every in zip_longest(*lots) for name in every if name is not None]


def _nothing(name: str, reason: str) -> tuple[str, dict[str, tuple[str, float]]]:
    print(f"{name:28} not measured: {reason}", flush=True)
    return name, {}


def put(name: str) -> tuple[str, dict[str, tuple[str, float]]]:
    """What each check says first, empty where nothing; and the processor's seconds it took."""
    sys.path.insert(0, str(Path(__file__).parent))
    warnings.simplefilter("ignore")
    peers = importlib.import_module("peers")
    known = FAULTS[name].function if name in FAULTS else SOUND[name]
    function = peers.as_function(known)
    seen = {}
    for check, asked in peers.CHECKS.items():
        torch.manual_seed(SEED)
        begun, said = time.process_time(), ""
        try:
            asked(function)
        except Exception as error:  # whatever it is, it is what the check found
            said = f"{type(error).__name__}: {' '.join(str(error).split())}"[:_MOST_SAID]
        seen[check] = (said, round(time.process_time() - begun, 3))
    return name, seen


if __name__ == "__main__":
    main()
