"""Which lines of the target ran: those that no case reached, and those that failing ones alone did.

What stands in a branch that never ran was not checked. And where every case that fails runs a line
that no other does, the fault is most often there.
"""

from __future__ import annotations

import linecache
from collections.abc import Collection, Iterable, Iterator, Sequence, Set
from itertools import groupby
from pathlib import Path
from random import Random

from conv_reference.verification.diagnosis.bench import Bench
from conv_reference.verification.execution import Settings, judge_case
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.notes import Note, NoteKind
from conv_reference.verification.model.printable import one_line
from conv_reference.verification.target.lines import Line, Written, watched
from conv_reference.verification.target.target import Target

_MOST_STRETCHES = 6  # of a file that are listed
_FAILING, _PASSING = 40, 160  # cases that are run again
_FEWEST = 2  # failing cases: what a single one runs may be its size's
_LONGEST = 60  # characters of a line that is shown
_SHOWN_BY_ITSELF = {"extra_repr"}  # what torch calls to print a layer


def never_run(
    functions: Sequence[Written], ran: Set[Line], cases: int, crashed: int = 0
) -> Iterator[Note]:
    """The lines of the target's own Python that no case reached; nothing where none was watched.

    Args:
        functions: that the target is made of.
        ran: the lines that did.
        cases: of the run that came to an end.
        crashed: others, in which the process died or was ended, and what it had run with it.
    """
    if not any((each.file, line) in ran for each in functions for line in each.lines):
        return
    those_that_crashed = "a case" if crashed == 1 else f"{crashed:,} cases"
    watching = "one case was watched" if cases == 1 else f"{cases:,} cases were watched"
    died = f"; what {those_that_crashed} ran that crashed or timed out is not known"
    died = died if crashed else ""
    for file, those in groupby(functions, key=lambda each: each.file):
        listed = [*those]
        said = [*_stretches(file, listed, ran)]
        calls = [name for each in listed if (name := _uncalled(each, ran))]
        if len(said) > _MOST_STRETCHES:
            said[_MOST_STRETCHES:] = [f"{len(said) - _MOST_STRETCHES} more stretches"]
        parts = []
        if said:
            parts.append(f"{', '.join(said)} never ran")
        if calls:
            parts.append(f"{', '.join(dict.fromkeys(calls))} never called")
        if parts:
            text = one_line(f"{'; '.join(parts)}, as far as {watching}{died}")
            yield Note(NoteKind.NEVER_RUN, f"not checked, in {Path(file).name}: {text}")


def _stretches(file: str, functions: Iterable[Written], ran: Set[Line]) -> Iterator[str]:
    """Lines that never ran of functions that were called: "lines 41-47 (backward)"."""
    for function in functions:
        if not _was_called(function, ran):
            continue
        runs = ((line, (file, line) in ran) for line in function.lines)
        for has_run, those in groupby(runs, key=lambda pair: pair[1]):
            if not has_run:
                numbers = [line for line, _ in those]
                yield f"{_numbered(numbers)} ({function.name.rpartition('.<locals>.')[2]})"


def _numbered(lines: Sequence[int]) -> str:
    return f"line {lines[0]}" if len(lines) == 1 else f"lines {lines[0]}-{lines[-1]}"


def _was_called(function: Written, ran: Set[Line]) -> bool:
    return any((function.file, line) in ran for line in function.lines)


def _uncalled(function: Written, ran: Set[Line]) -> str:
    """Its name, where it never was; empty for what is called to print, or is part of a line."""
    name = function.name.rpartition(".")[2]
    if not function.lines or _was_called(function, ran) or name in _SHOWN_BY_ITSELF:
        return ""
    return "" if name.startswith(("__", "<")) else function.name


def ran_on(target: Target, case: Case, settings: Settings) -> tuple[Line, ...]:
    """The lines of the target's own that run on a case."""
    with watched(target.written) as watch:
        judge_case(target, case, settings)
    return watch.fresh()


def only_failing(failing: Collection[Case], passing: Collection[Case], bench: Bench) -> str:
    """One sentence: a line that all failing cases run, and none that passes.

    Args:
        failing: cases that failed in one way; of many a sample is run again.
        passing: cases that could have.
        bench: where they are run again.

    Returns:
        Empty where there is no such line, or the target has no Python of its own.
    """
    if not bench.target.written or len({*failing}) < _FEWEST or not passing:
        return ""
    wrong, right = _some(failing, _FAILING), _some(passing, _PASSING)
    answers = bench.ask(ran_on, [*wrong, *right], bench.settings)
    by_wrong = [{*answers[case]} for case in wrong if isinstance(answers.get(case), tuple)]
    by_right = [{*answers[case]} for case in right if isinstance(answers.get(case), tuple)]
    if not by_wrong or not by_right:
        return ""
    alone = set.intersection(*by_wrong).difference(*by_right)
    if not alone:
        return ""
    return one_line(
        f"Only cases that fail run {_quoted(*min(alone))}: "
        f"all {len(by_wrong):,} that were asked again did, and none of {len(by_right):,} that pass."
    )


def _quoted(file: str, line: int) -> str:
    text = linecache.getline(file, line).strip()
    shown = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
    return f"line {line} of {Path(file).name}, `{shown}`"


def _some(cases: Collection[Case], most: int) -> list[Case]:
    listed = sorted({*cases}, key=str)
    return listed if len(listed) <= most else Random("lines").sample(listed, most)
