"""Options for what is tried: dtypes, geometries, checks, and how many cases."""

from __future__ import annotations

import math
from typing import Any

from . import clock
from .option import TRIED, Option

# By torch's names for them.
DTYPES = (
    "float64",
    "float32",
    "float16",
    "bfloat16",
)
# Those of `quantities`, and those of one dimension; this folder is loaded by itself, so that it
# cannot import them: a test compares.
OPERATORS = (
    "conv2d",
    "conv_transpose2d",
    "conv2d_weight",
    "conv2d_input",
    "conv1d",
    "conv_transpose1d",
)
SWEEPS = ("default", "small", "random", "networks", "exhaustive")
DEFAULT_BUDGET = 20.0  # seconds
QUICK_BUDGET = 4.0  # the same of a quick run, which is to end soon whatever the target's pace
DEFAULT_CASES = 8_000
MOST_CASES = 100_000_000  # a month on two cores; more is a slip of the keyboard


def _finite_above_0(value: float) -> bool:
    return 0 < value < math.inf


def _texts() -> Any:
    """What reads texts; not before a value is there, for its imports are not Python's alone."""
    from conv_reference.verification.reading import texts

    return texts


def planned(budget: float | None, cases: int | None) -> int:
    """About how many cases a run has: 500 for each second where none are named."""
    if cases is not None:
        return cases
    seconds = DEFAULT_BUDGET if budget is None else budget
    return max(1, round(min(DEFAULT_CASES / DEFAULT_BUDGET * seconds, MOST_CASES)))


def clocked(
    budget: float | None, cases: int | None, *, single: bool, quick: bool = False
) -> float | None:
    """The budget by which a run goes, in seconds; None where no clock cuts it.

    Args:
        budget: that was given, if it was.
        cases: their number, if it was given.
        single: whether one case or one geometry is asked for.
        quick: whether a first answer is.
    """
    if single or (cases is not None and budget is None):
        return None
    default = QUICK_BUDGET if quick else DEFAULT_BUDGET
    return default if budget is None else budget


OPERATOR = Option(
    flag="operator",
    group=TRIED,
    help="what the target should compute, where neither its name, its class nor a parameter "
    f"output_padding says it: {', '.join(OPERATORS)}",
    choices=OPERATORS,
    metavar="NAME",
    decides=True,
)
AS = Option(
    flag="as",
    keyword="convention",
    group=TRIED,
    help='how the target is called, where a trial is not to find it: "input=NHWC weight=HWIO '
    'first=input bias=required integers=stride,padding backward=none", or a part of that',
    metavar="TEXT",
    unset="found by trial",
    checked=lambda text: _texts().convention(text),
    recorded=True,
    decides=True,
)
WHERE = Option(
    flag="where",
    keyword="where",
    group=TRIED,
    help='the sizes that the target answers, as "sh == sw == 1 and kh == kw == 3": nothing is '
    "tried outside; what it refuses on purpose is learned",
    metavar="EXPR",
    recorded=True,
    decides=True,
)
SOURCE = Option(
    flag="source",
    keyword="source",
    group=TRIED,
    help="a file that the target is written in, where that is no Python: C++, CUDA, ...; its "
    "integers are thresholds to try; may be repeated",
    metavar="FILE",
    default=(),
    repeated=True,
    checked=lambda file: _texts().source(file),
    recorded=True,
)
DTYPE = Option(
    flag="dtype",
    keyword="dtypes",
    group=TRIED,
    help=f"may be repeated; of {', '.join(DTYPES)}, all by default",
    metavar="D",
    default=DTYPES,
    choices=DTYPES,
    repeated=True,
    recorded=True,
    plugin="dtype",
)
DEVICE = Option(
    flag="device",
    keyword="device",
    group=TRIED,
    help="where the target runs",
    metavar="D",
    default="cpu",
    recorded=True,
    plugin="device",
    decides=True,
)
SWEEP = Option(
    flag="sweep",
    keyword="sweep",
    group=TRIED,
    help="which geometries",
    default="default",
    choices=SWEEPS,
    recorded=True,
)
QUICK = Option(
    flag="quick",
    keyword="quick",
    group=TRIED,
    help="some hundred cases of every kind, for a first answer in a second or two",
    kind=None,
    default=False,
    recorded=True,
)
LIMIT = Option(
    flag="limit",
    keyword="limit",
    group=TRIED,
    help='with --sweep exhaustive: every geometry up to "h<=5 w<=5 k<=3 s<=3 p<=3 d<=2 c<=3 o<=3 '
    'n<=2 g<=3", once, from small to large; what is not named is 1, padding 0',
    metavar="TEXT",
    checked=lambda text: _texts().limits(text),
    recorded=True,
)
GEOMETRY = Option(
    flag="geometry",
    keyword="geometry",
    group=TRIED,
    help='only this one, like "n1 c1 h2 w3 o1 k1x2 s1 p0 d1 g1"; the letters are explained below',
    metavar="TEXT",
    checked=lambda text: _texts().geometry(text),
)
CASE = Option(
    flag="case",
    keyword="case",
    group=TRIED,
    help="only this one, as a finding names it",
    metavar="TEXT",
    checked=lambda text: _texts().case(text, DTYPES),
)
CHECK = Option(
    flag="check",
    keyword="checks",
    group=TRIED,
    help="only this check, row or family of them, or one that runs on request; may be repeated "
    "(see checks)",
    metavar="NAME",
    default=(),
    repeated=True,
    checked=lambda name: _texts().known_check(name),
    recorded=True,
    plugin="check",
    decides=True,
)
SKIP = Option(
    flag="skip",
    keyword="skip",
    group=TRIED,
    help="not this check, row or family of them; may be repeated",
    metavar="NAME",
    default=(),
    repeated=True,
    checked=lambda name: _texts().known_check(name),
    recorded=True,
    decides=True,
)
SEED = Option(
    flag="seed",
    keyword="seed",
    group=TRIED,
    help="repeat the run with this seed",
    kind=int,
    metavar="N",
    valid=lambda seed: seed >= 0,
    accepted="must be at least 0",
    plugin="seed",
)
BUDGET = Option(
    flag="budget",
    keyword="budget",
    group=TRIED,
    help=f"alone, the number of cases follows from it, 500 a second, and {clock.JUDGING}; beside "
    f"--cases it is the time limit itself; what failed is taken apart {clock.APART} "
    f"({DEFAULT_BUDGET:g})",
    kind=float,
    metavar="SECONDS",
    valid=_finite_above_0,
    accepted="must be finite and more than 0 seconds",
    unset=f"{DEFAULT_BUDGET:g} s",
    recorded=True,
    plugin="budget",
)
CASES = Option(
    flag="cases",
    keyword="cases",
    group=TRIED,
    help="about how many are planned, one at least of each check in each dtype, of a sweep of "
    "small sizes twice as many; without --budget there is then no time limit "
    f"({DEFAULT_CASES:,})",
    kind=int,
    metavar="N",
    valid=lambda cases: 1 <= cases <= MOST_CASES,
    accepted=f"must be 1..{MOST_CASES:,}",
    unset="those of its budget",
    recorded=True,
    plugin="cases",
)
