"""Several targets in one command: each a run of its own, one after another, and one status."""

from __future__ import annotations

import argparse
import copy
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from conv_reference.verification.commands.arguments import refuse
from conv_reference.verification.console import screen
from conv_reference.verification.report.plain import one_line

NAME = "{target}"  # in the name of a file: that of the target
_ORDER = (130, 1, 2)  # of statuses: what is wrong counts before what could not be carried out


def named(arguments: argparse.Namespace) -> argparse.Namespace:
    """The same, with the target's name where a file's has a place for it."""
    result = copy.copy(arguments)
    if arguments.output:
        name = re.sub(r"[^\w.-]+", "-", arguments.target).strip("-")
        result.output = [Path(str(file).replace(NAME, name)) for file in arguments.output]
    return result


def in_turn(asked: Sequence[argparse.Namespace], once: Callable[[argparse.Namespace], int]) -> int:
    """Carry out a run for each target; one that cannot be carried out keeps no other from it.

    Args:
        asked: the arguments of each run, with its target.
        once: carries out one run.

    Returns:
        130 where one was interrupted, which ends the command; else 1 where something is wrong, 2
        where one could not be carried out, 0.

    Raises:
        ValueError: before anything runs, when what is asked does not go with several targets.
        OSError: the same, of a file that cannot be read or written.
    """
    _refuse(asked)
    statuses: dict[str, int] = {}
    for arguments in asked:
        if statuses:
            screen.show("\n")
        try:
            status = once(arguments)
        except (ValueError, ImportError, OSError) as error:
            sys.stderr.write(f"conv-reference verify: error: {one_line(str(error))}\n")
            status = 2
        statuses[arguments.target] = status
        if status == 130:
            break
    worst = next((status for status in _ORDER if status in statuses.values()), 0)
    screen.show(f"\n{_summary(statuses, len(asked))}; exit status {worst}\n")
    return worst


def _summary(statuses: dict[str, int], asked: int) -> str:
    reached = f" of {asked}" if len(statuses) < asked else ""
    failed = [f"{one_line(name)} ({status})" for name, status in statuses.items() if status]
    said = f"all end with 0, {', '.join(map(one_line, statuses))}"
    if failed:
        said = f"{len(failed)} not with 0, {', '.join(failed)}"
    return f"{len(statuses)}{reached} targets: {said}"


def _refuse(asked: Sequence[argparse.Namespace]) -> None:
    first = asked[0]
    if any(arguments.watch for arguments in asked):
        raise ValueError(f"--watch goes with one TARGET, got {len(asked)}")
    if first.format not in {None, "text"} and not all(one.output for one in asked):
        raise ValueError(
            f"--format {first.format} on standard output goes with one TARGET, got {len(asked)}; "
            f"accepted is a file for each, as --output '{NAME}.{first.format}'"
        )
    _refuse_shared("--output", (file for one in asked for file in set(one.output or ())), NAME)
    baselines = [one.baseline for one in asked if one.baseline is not None]
    _refuse_shared("--baseline", baselines, "one for each in pyproject.toml")
    for arguments in asked:
        refuse(copy.copy(arguments))


def _refuse_shared(option: str, files: Iterable[Path], accepted: str) -> None:
    seen: set[Path] = set()
    for file in files:
        if file in seen:
            also = f"{accepted} in its name" if accepted == NAME else accepted
            raise ValueError(
                f"{option}: {str(file)!r} is of more than one TARGET; accepted is {also}"
            )
        seen.add(file)
