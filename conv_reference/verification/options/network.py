"""Options of ``model`` alone: how a network is put to the test, and how its answers are judged."""

from __future__ import annotations

from pathlib import Path

from .judged import ALLOW_BITS
from .option import JUDGED, PLACE, REPORT, TRIED, Option
from .tried import DTYPES


def shape_of(text: str) -> tuple[int, ...]:
    """The sizes that are written as 8x3x224x224.

    Raises:
        ValueError: when it is written otherwise, or a size is 0.
    """
    parts = text.lower().split("x")
    if not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise ValueError(f"--input must be sizes of at least 1, like 8x3x224x224, got {text!r}")
    return tuple(map(int, parts))


INPUT = Option(
    flag="input",
    keyword="inputs",
    group=TRIED,
    help="the shape of its input; may be repeated for several arguments",
    metavar="NxCxHxW",
    repeated=True,
    ordered=True,
    default=(),
    checked=shape_of,
    recorded=True,
)
DTYPE = Option(
    flag="dtype",
    keyword="dtype",
    group=TRIED,
    help="of the network",
    choices=DTYPES,
    default="float32",
    recorded=True,
)
AUTOCAST = Option(
    flag="autocast",
    keyword="autocast",
    group=TRIED,
    help="run under autocast",
    metavar="DTYPE",
    choices=("float16", "bfloat16"),
    recorded=True,
)
CHANNELS_LAST = Option(
    flag="channels-last",
    keyword="channels_last",
    group=TRIED,
    help="network and input in channels_last",
    kind=None,
    default=False,
    recorded=True,
)
STEPS = Option(
    flag="steps",
    keyword="steps",
    group=TRIED,
    help="training steps, at least 1",
    kind=int,
    metavar="N",
    default=1,
    valid=lambda steps: steps >= 1,
    accepted="must be at least 1",
    recorded=True,
)
SEED = Option(
    flag="seed",
    group=TRIED,
    help="of weights, inputs and combinations (0); with a baseline, of the fresh run (random)",
    kind=int,
    metavar="N",
    valid=lambda seed: seed >= 0,
    accepted="must be at least 0",
)
NO_REPLAY = Option(
    flag="no-replay",
    keyword="no_replay",
    group=JUDGED,
    help="judge in place alone, not over integers",
    kind=None,
    default=False,
    recorded=True,
)
DEVICE = Option(
    flag="device",
    keyword="device",
    group=PLACE,
    help="where it runs",
    metavar="D",
    default="cpu",
    recorded=True,
)
OUTPUT = Option(
    flag="output",
    group=REPORT,
    help="write the report there, in the format that the name asks for; may be repeated",
    kind=Path,
    metavar="FILE",
    repeated=True,
)

#: Those that follow the network itself, as ``--help`` lists them.
OPTIONS = (
    *(INPUT, DTYPE, AUTOCAST, CHANNELS_LAST, STEPS, SEED),
    *(NO_REPLAY, ALLOW_BITS),
    DEVICE,
)
RECORDED = tuple(option for option in OPTIONS if option.recorded)
