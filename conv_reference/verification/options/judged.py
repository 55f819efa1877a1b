"""Options for how an answer is judged, and which failures are known."""

from __future__ import annotations

from pathlib import Path

from .option import JUDGED, Option

SHIPPED, NONE = "shipped", "none"  # registries of known defects that are no files
MOST_BITS = 53  # float64 has no more

REQUIRE = Option(
    flag="require",
    keyword="require",
    group=JUDGED,
    help="the least that passes",
    default="rounded",
    choices=("rounded", "exact"),
    recorded=True,
)
REQUIRE_MODES = Option(
    flag="require-modes",
    group=JUDGED,
    help="fail where a mode is unsupported, too",
    kind=None,
)
STRICT = Option(
    flag="strict",
    keyword="strict",
    group=JUDGED,
    help="fail where arguments for which there is no convolution are answered (permissive), and "
    "where the target refuses on purpose what it was asked, too",
    kind=None,
    default=False,
    recorded=True,
    plugin="strict",
    decides=True,
)
ALLOW_BITS = Option(
    flag="allow-bits",
    keyword="allowed_bits",
    group=JUDGED,
    help="accept a precision of N bits, as of TF32 (10), in place of the dtype's",
    kind=int,
    metavar="N",
    valid=lambda bits: 1 <= bits <= MOST_BITS,
    accepted=f"must be 1..{MOST_BITS}",
    unset="the dtype's",
    recorded=True,
    decides=True,
)
KNOWN = Option(
    flag="known",
    keyword="known",
    group=JUDGED,
    help="another registry of known defects, or none",
    metavar="FILE",
    default=SHIPPED,
    recorded=True,
    decides=True,
)
XFAIL = Option(
    flag="xfail",
    group=JUDGED,
    help="rows that fail and must: a pattern a line, like grad_weight-bfloat16-*, with its reason "
    "behind a #",
    kind=Path,
    metavar="FILE",
)
