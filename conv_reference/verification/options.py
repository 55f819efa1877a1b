"""Every option of a run, once and without torch: its name, default, choices, range and words.

The command's parser, the pytest plugin, the gate's record and ``verify`` read them from here, so
that an option is called, limited and explained in one way everywhere; and what is outside its
range is refused before torch is imported and processes are started.

The pytest plugin loads this file by itself, without the package: what it imports at its top is
Python's alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DTYPES = ("float64", "float32", "float16", "bfloat16")
OPERATORS = (
    "conv2d",
    "conv_transpose2d",
    "conv2d_weight",
    "conv2d_input",
    "conv1d",
    "conv_transpose1d",
)
SWEEPS = ("default", "small", "random", "networks", "exhaustive")
SHIPPED, NONE = "shipped", "none"  # registries of known defects that are no files
MOST_BITS = 53  # float64 has no more
DEFAULT_BUDGET = 20.0  # seconds
DEFAULT_CASES = 10_000
MOST_CASES = 100_000_000  # a month on two cores; more is a slip of the keyboard

TRIED = "what is tried"
JUDGED = "how it is judged"
PLACE = "where it runs"
REPORT = "the report"
GATE = "the gate"


@dataclass(frozen=True, kw_only=True)
class Option:
    """One option: ``--flag`` of the command and, where it has one, a keyword of ``verify``."""

    flag: str
    group: str
    help: str  # a range or a default that is no value is in it
    keyword: str = ""  # of `verify`; empty for what concerns the command alone
    kind: Callable[[str], Any] | None = str  # None: a switch
    metavar: str | None = None
    default: Any = None  # where nothing is given
    unset: str = "none"  # what a default of None means, in words
    choices: tuple[str, ...] = ()
    repeated: bool = False
    valid: Callable[[Any], bool] = lambda _: True
    accepted: str = ""  # what is said of a value that is not valid, behind its name
    checked: Callable[[Any], object] | None = None  # raises a ValueError that says more
    recorded: bool = False  # cases or verdicts follow from it: a baseline holds it
    short: str = ""
    plugin: str = ""  # its flag in pytest, behind "--conv-"; empty where it has none

    @property
    def attribute(self) -> str:
        """Its name in the parser's result."""
        return self.flag.replace("-", "_")

    def require(self, value: Any, name: str = "") -> None:
        """Refuse a value that is outside the option's range.

        Args:
            value: given for it; None where nothing is. Of a repeated one, all values.
            name: what the message calls it; by default the keyword of ``verify``.

        Raises:
            ValueError: one line with the value and what is accepted.
        """
        if value is None or self.kind is None:
            return
        for one in value if self.repeated else (value,):
            called = name or self.keyword or self.flag
            if self.choices and one not in self.choices:
                accepted = ", ".join(self.choices)
                raise ValueError(f"{called} must be one of {accepted}, got {str(one)!r}")
            if not self.valid(one):
                raise ValueError(f"{called} {self.accepted}, got {one}")
            if self.checked is not None:
                self.checked(one)


def _finite_above_0(value: float) -> bool:
    return 0 < value < math.inf


def _texts() -> Any:
    """What reads texts; not before a value is there, for its imports are not Python's alone."""
    from conv_reference.verification import texts

    return texts


def planned(budget: float | None, cases: int | None) -> int:
    """About how many cases a run has: 500 for each second where none are named."""
    if cases is not None:
        return cases
    seconds = DEFAULT_BUDGET if budget is None else budget
    return max(1, round(min(DEFAULT_CASES / DEFAULT_BUDGET * seconds, MOST_CASES)))


OPERATOR = Option(
    flag="operator",
    group=TRIED,
    help="what the target should compute, where neither its name, its class nor a parameter "
    f"output_padding says it: {', '.join(OPERATORS)}",
    choices=OPERATORS,
    metavar="NAME",
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
    help="only this check, or one that runs on request; may be repeated (see checks)",
    metavar="NAME",
    default=(),
    repeated=True,
    checked=lambda name: _texts().known_check(name),
    recorded=True,
    plugin="check",
)
SKIP = Option(
    flag="skip",
    keyword="skip",
    group=TRIED,
    help="not this check or row; may be repeated",
    metavar="NAME",
    default=(),
    repeated=True,
    checked=lambda name: _texts().known_check(name),
    recorded=True,
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
    help="alone, the number of cases follows from it, 500 a second, and the clock cuts at three "
    f"times as much; beside --cases it is the time limit itself ({DEFAULT_BUDGET:g})",
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
    help="about how many are planned; without --budget there is then no time limit "
    f"({DEFAULT_CASES:,})",
    kind=int,
    metavar="N",
    valid=lambda cases: 1 <= cases <= MOST_CASES,
    accepted=f"must be 1..{MOST_CASES:,}",
    unset="those of its budget",
    recorded=True,
    plugin="cases",
)
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
)
KNOWN = Option(
    flag="known",
    keyword="known",
    group=JUDGED,
    help="another registry of known defects, or none",
    metavar="FILE",
    default=SHIPPED,
    recorded=True,
)
XFAIL = Option(
    flag="xfail",
    group=JUDGED,
    help="rows that fail and must: a pattern a line, like grad_weight-bfloat16-*, with its reason "
    "behind a #",
    kind=Path,
    metavar="FILE",
)
IN_PROCESS = Option(
    flag="in-process",
    group=PLACE,
    help="call the target in this process, for debuggers; a crash then ends the run",
    kind=None,
    plugin="in-process",
)
WORKERS = Option(
    flag="workers",
    keyword="workers",
    group=PLACE,
    help="child processes (one a core, up to 4)",
    kind=int,
    metavar="N",
    valid=lambda workers: workers >= 1,
    accepted="must be at least 1",
)
MEMORY = Option(
    flag="memory",
    group=PLACE,
    help="where failing cases are remembered, to be tried first; or none, as with --seed or "
    "--baseline, so that runs repeat",
    metavar="DIR",
    default=".hypothesis/examples",
)
FORMAT = Option(
    flag="format",
    group=REPORT,
    help="as the file is named, or",
    default="text",
)
OUTPUT = Option(
    flag="output",
    group=REPORT,
    help="write the report there, in the format that the name asks for; may be repeated; the "
    "verdict is shown all the same",
    kind=Path,
    metavar="FILE",
    repeated=True,
    default=(),
)
VERBOSE = Option(
    flag="verbose",
    short="-v",
    group=REPORT,
    help="list the checks that are exact in every dtype, too",
    kind=None,
)
QUIET = Option(
    flag="quiet",
    short="-q",
    group=REPORT,
    help="the verdict alone, without progress",
    kind=None,
)
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

#: All of them, as ``--help`` lists them.
OPTIONS: tuple[Option, ...] = (
    OPERATOR,
    DTYPE,
    DEVICE,
    SWEEP,
    GEOMETRY,
    CASE,
    CHECK,
    SKIP,
    SEED,
    BUDGET,
    CASES,
    REQUIRE,
    REQUIRE_MODES,
    ALLOW_BITS,
    KNOWN,
    XFAIL,
    IN_PROCESS,
    WORKERS,
    MEMORY,
    FORMAT,
    OUTPUT,
    VERBOSE,
    QUIET,
    BASELINE,
    UPDATE_BASELINE,
    ACCEPT_REGRESSIONS,
    MARGIN,
    ON_FOUND,
)
RECORDED: tuple[Option, ...] = tuple(option for option in OPTIONS if option.recorded)


def settings(option: Option) -> dict[str, Any]:
    """The keyword arguments of argparse's ``add_argument``, and of pytest's ``addoption``."""
    shown = option.default is not None and not option.repeated
    default = f"{option.default:g}" if isinstance(option.default, float) else option.default
    found: dict[str, Any] = {"help": f"{option.help} ({default})" if shown else option.help}
    if option.kind is None:
        return found | {"action": "store_true"}
    found |= {"type": option.kind, "metavar": option.metavar}
    if option.choices:
        found["choices"] = option.choices
    if option.repeated:
        found["action"] = "append"
    return found
