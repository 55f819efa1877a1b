"""``conv-reference faults``: planted faults, and what the checks find of them."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from conv_reference.verification.commands import STATUSES
from conv_reference.verification.reading.nearest import meant

if TYPE_CHECKING:
    from conv_reference.verification.detection.measured import Alarm, Outcome
    from conv_reference.verification.faults.planting import Mutant

OPERATORS = ("conv2d", "conv_transpose2d", "conv1d")  # in which faults are planted
FORMATS = ("text", "markdown", "json")
EXAMPLES = """\
examples:
  conv-reference faults --list
      every planted fault: where it is wrong, and the thread that it follows
  conv-reference faults short_index
      one of them, put to the cases of a default run up to the first that shows it
  conv-reference faults --all --operator conv_transpose2d
      all those of transposed convolutions
  conv-reference faults --all --sound --format markdown --output faults.md
      all of them, and the sound ones: some seconds of one core for each
"""
HELP = "planted faults, and what the checks find of them"
DESCRIPTION = (
    "Put planted faults to the cases of a default run: which check finds each, "
    "after how many cases, how small the case becomes, and whether its guard is named."
)
EPILOG: tuple[str, ...] = (STATUSES, EXAMPLES)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``faults``."""
    parser.add_argument("names", nargs="*", metavar="NAME", help="of a fault or of a class")
    parser.add_argument("--list", action="store_true", help="what is planted; nothing is run")
    parser.add_argument("--all", action="store_true", help="every planted fault of the operator")
    parser.add_argument(
        "--operator", choices=OPERATORS, default="conv2d", help="of which --list and --all are"
    )
    parser.add_argument(
        "--sound", action="store_true", help="sound convolutions, too: none may raise an alarm"
    )
    parser.add_argument("--seed", type=int, default=1, help="of the plan (1)")
    parser.add_argument(
        "--cases", type=int, default=500, help="that a sound convolution is put to (500)"
    )
    parser.add_argument("--workers", type=int, default=None, help="(one for each core)")
    parser.add_argument("--format", choices=FORMATS, default="text", help="(text)")
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="written anew with each that was measured"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print what was found.

    Returns:
        0 where all faults were found and no sound convolution raised an alarm, else 1; 2 where
        one could not be measured: the others are printed all the same.

    Raises:
        ValueError: when a name is none, or nothing was asked for.
    """
    from conv_reference.verification.console import screen
    from conv_reference.verification.console.files import require_writable
    from conv_reference.verification.detection.table import not_measured, rendered

    everything = arguments.operator if arguments.all or arguments.list else None
    chosen = _chosen(arguments.names, everything)
    if arguments.list:
        screen.show(_listed(chosen, arguments.format))
        return 0
    if not chosen and not arguments.sound:
        raise ValueError("name a fault or a class, or ask for --all, --sound or --list")
    for option, least in (("seed", 0), ("cases", 1), ("workers", 1)):
        value = getattr(arguments, option)
        if value is not None and value < least:
            raise ValueError(f"{option} must be at least {least}, got {value}")
    if arguments.output is not None:
        require_writable("--output", arguments.output)
    outcomes: list[Outcome] = []
    alarms: list[Alarm] = []
    for outcomes, alarms in _so_far(arguments, chosen):
        if arguments.output is not None:
            arguments.output.write_text(rendered(outcomes, alarms, arguments.format), "utf-8")
    if arguments.output is None:
        screen.show(rendered(outcomes, alarms, arguments.format))
    if any(not_measured(outcomes, alarms)):
        return 2
    missed = any(outcome.found is None and not outcome.observed for outcome in outcomes)
    return int(missed or any(alarm.check for alarm in alarms))


def _chosen(names: Sequence[str], everything: str | None) -> list[Mutant]:
    """The faults of these names and classes; where none is named, all of this operator."""
    from conv_reference.verification.faults.collection import FAULTS, planted_in

    known = {*FAULTS, *(fault.fault_class for fault in FAULTS.values())}
    for name in names:
        if name not in known:
            raise ValueError(f"no planted fault or class is called {name!r}{meant(name, known)}")
    if everything and not names:
        return planted_in(everything)
    wanted = {*names}
    return [each for each in FAULTS.values() if wanted & {each.name, each.fault_class}]


def _so_far(
    arguments: argparse.Namespace, chosen: Sequence[Mutant]
) -> Iterator[tuple[list[Outcome], list[Alarm]]]:
    """All that is measured by then, in the order asked, with each that comes."""
    from conv_reference.verification.console import progress_bar
    from conv_reference.verification.detection.fault_processes import each_apart
    from conv_reference.verification.detection.questions import (
        listened,
        measured,
        unheard,
        unmeasured,
    )
    from conv_reference.verification.faults.sound.collection import SOUND

    workers = arguments.workers or os.cpu_count() or 1
    asked = [(fault.name, arguments.seed) for fault in chosen]
    sound = [(name, arguments.seed, arguments.cases) for name in (SOUND if arguments.sound else ())]
    outcomes: dict[str, Outcome] = {}
    alarms: dict[str, Alarm] = {}
    with progress_bar.shown(thing="convolution") as status:
        status(0, len(asked) + len(sound))
        for outcome in each_apart(measured, asked, workers, unmeasured):
            outcomes[outcome.name] = outcome
            status(len(outcomes), status.total)
            yield [outcomes[name] for name, _ in asked if name in outcomes], []
        found = [outcomes[name] for name, _ in asked]
        for alarm in each_apart(listened, sound, workers, unheard):
            alarms[alarm.name] = alarm
            status(len(found) + len(alarms), status.total)
            yield found, [alarms[name] for name, *_ in sound if name in alarms]


def _listed(faults: Sequence[Mutant], form: str) -> str:
    """One line for each."""
    if form == "json":
        import json

        keys = ("name", "fault_class", "kind", "quantity", "guard", "thread", "blind", "target",
                "operator")  # fmt: skip
        rows = [{key: getattr(fault, key) for key in keys} for fault in faults]
        return json.dumps(rows, indent=2, ensure_ascii=False) + "\n"
    if form == "markdown":
        table = [("fault", "class", "in", "where"), ("---",) * 4, *map(_row, faults)]
        return "".join(f"| {' | '.join(cells)} |\n" for cells in table)
    return "".join("{:27} {:10} {:12} {}\n".format(*_row(fault)) for fault in faults)


def _row(fault: Mutant) -> tuple[str, str, str, str]:
    thread = f" ({fault.thread})" if fault.thread else ""
    return fault.name, fault.fault_class, fault.quantity, f"{fault.guard}{thread}"
