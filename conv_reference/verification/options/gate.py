"""Options of the gate: a run is held against what held before."""

from __future__ import annotations

import math
from pathlib import Path

from .option import GATE, Option

BASELINE = Option(
    flag="baseline",
    group=GATE,
    help="compare with what held, a committed file",
    kind=Path,
    metavar="FILE",
)
UPDATE_BASELINE = Option(
    flag="update-baseline",
    group=GATE,
    help="write the baseline where there is none, or take what improved",
    kind=None,
)
ACCEPT_REGRESSIONS = Option(
    flag="accept-regressions",
    group=GATE,
    help="with --update-baseline: take what got worse, too",
    kind=None,
)
MARGIN = Option(
    flag="margin",
    group=GATE,
    help="precision that may be lost unnoticed",
    kind=float,
    metavar="BITS",
    default=1.0,
    valid=lambda margin: 0 <= margin < math.inf,
    accepted="must be at least 0 bits and finite",
)
ON_FOUND = Option(
    flag="on-found",
    group=GATE,
    help="what a fault does that only fresh cases show: it may always have been there",
    default="fail",
    choices=("fail", "warn"),
)
