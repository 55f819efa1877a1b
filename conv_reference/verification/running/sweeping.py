"""Every geometry up to the limits, part by part: what is exact is counted, the rest is kept.

So a million of them take no more memory than a thousand. Where a part takes its process along,
its cases are put one by one.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

import torch

from conv_reference.verification.checks import certifying
from conv_reference.verification.execution import Settings, judge_case
from conv_reference.verification.model.case import Case, dtype_name
from conv_reference.verification.model.judgement import Crash, Judgement
from conv_reference.verification.model.notes import Note, NoteKind
from conv_reference.verification.model.result import Report
from conv_reference.verification.plan.possible import as_possible
from conv_reference.verification.reading import limited
from conv_reference.verification.reading.limited import Limits, Part
from conv_reference.verification.running.progress import Counting
from conv_reference.verification.store.store import Kept
from conv_reference.verification.target.target import Target
from conv_reference.verification.work.backend import Backend
from conv_reference.verification.work.messages import Broken

AT_ONCE = 256  # parts that are handed out together
MOST_KEPT = 20_000  # results that are no plain exact ones; of more only the number is known
MOST_OF_PART = 50

Result = tuple[Case, tuple[Judgement, ...]]


@dataclass(frozen=True)
class Judged:
    """What came of a part; it travels as a plain tuple."""

    exact: tuple[tuple[str, str, int], ...]  # row, dtype, and how many were exact there
    kept: tuple[Result, ...]
    further: int  # that would have been kept, too
    largest: tuple[Result, ...]  # of the exact ones, in each dtype
    impossible: int  # that the target cannot be asked for


def judge_part(
    target: Target, part: Part, argument: tuple[Settings, tuple[torch.dtype, ...]]
) -> tuple[Any, ...]:
    """The fields of ``Judged`` for one part; dtypes go round.

    Args:
        target: to which it is put.
        part: geometries, in their order.
        argument: the run's settings, and its dtypes.
    """
    settings, dtypes = argument
    exact: Counter[tuple[str, str]] = Counter()
    kept: list[Result] = []
    largest: dict[torch.dtype, Result] = {}
    further = impossible = 0
    for case in cases_of(target, part, dtypes):
        if case is None:
            impossible += 1
            continue
        target.about_to(case)
        judged = judge_case(target, case, settings)
        if all(judgement.is_exact and not judgement.observed for judgement in judged):
            name = dtype_name(case.dtype)
            exact.update((row, name) for row in {judgement.check for judgement in judged})
            if _weight(case) >= _weight(largest.get(case.dtype, (None,))[0]):
                largest[case.dtype] = case, judged
        elif len(kept) < MOST_OF_PART:
            kept.append((case, judged))
        else:
            further += 1
    counted = tuple((row, name, number) for (row, name), number in exact.items())
    return counted, tuple(kept), further, tuple(largest.values()), impossible


def cases_of(target: Target, part: Part, dtypes: Sequence[torch.dtype]) -> Iterator[Case | None]:
    """The certificate of each geometry of a part; None where the target cannot be asked for it.

    Args:
        target: which may lack options.
        part: geometries, in their order.
        dtypes: of which each geometry has one, in turn.
    """
    name = certifying().name
    for place, geometry in enumerate(limited.geometries(part)):
        dtype = dtypes[(part.first + part.steps + place) % len(dtypes)]
        case = as_possible(target, Case(check=name, geometry=geometry, dtype=dtype))
        yield case if case.geometry == geometry else None


def _weight(case: Case | None) -> int:
    """What its miss bound grows with: the products of one forward pass."""
    if case is None:
        return 0
    g = case.geometry
    return math.prod((*g.weight_shape, *g.output_size, g.batch))


@dataclass
class Swept:
    """What came of a sweep."""

    planned: int
    judged: int = 0
    exact: Counter[tuple[str, str]] = field(default_factory=Counter)
    kept: list[tuple[Case, Any]] = field(default_factory=list)  # judgements, or a crash
    largest: dict[torch.dtype, Result] = field(default_factory=dict)
    unjudged: list[tuple[Case, Broken]] = field(default_factory=list)
    further: int = 0
    impossible: int = 0
    by_clock: bool = False  # whether the clock is why some were not reached
    interrupted: bool = False

    @property
    def results(self) -> list[tuple[Case, Any]]:
        """What is to be looked at case by case."""
        return [*self.largest.values(), *self.kept]

    @property
    def notes(self) -> Iterator[Note]:
        """What a reader must know besides."""
        left = self.planned - self.judged - self.impossible - len(self.unjudged)
        if left:
            why = ", for the clock cut the run" if self.by_clock else ""
            why = ", for the run was interrupted" if self.interrupted else why
            said = f"not reached{why}: {left:,} of {self.planned:,} geometries of the sweep"
            yield Note(NoteKind.NOT_REACHED, said)
        if self.impossible:
            those = "one geometry" if self.impossible == 1 else f"{self.impossible:,} geometries"
            said = f"not asked: {those} that the target has no options for"
            yield Note(NoteKind.NOT_ASKED, said)
        if self.further:
            said = f"further cases that are not exact, counted and not kept: {self.further:,}"
            yield Note(NoteKind.OBSERVED, said)

    def counted(self, report: Report) -> Report:
        """The report with all that was only counted."""
        checks = []
        for check in report.checks:
            plain = self.exact[check.name, check.dtype]
            examples = sum(dtype_name(d) == check.dtype for d in self.largest) if plain else 0
            more = plain - examples
            checks.append(
                replace(check, geometries=check.geometries + more, cases=check.cases + more)
            )
        judged = report.judged + self.judged - len(self.results)
        planned = report.planned + self.planned
        return replace(report, checks=tuple(checks), judged=judged, planned=planned)


def swept(
    limits: Limits,
    dtypes: tuple[torch.dtype, ...],
    backend: Backend,
    target: Target,
    settings: Settings,
    *,
    deadline: float | None = None,
    progress: Counting = lambda *_: None,
    kept: Kept | None = None,
) -> Swept:
    """Put every geometry up to the limits to the target.

    Args:
        limits: of the sizes.
        dtypes: that go round.
        backend: where the target runs.
        target: as it is described.
        settings: of the run.
        deadline: of ``time.monotonic``, after which no further part is begun.
        progress: called with how many geometries are judged, of how many.
        kept: the run in a store: the parts that are there already are not run again.
    """
    found = Swept(limited.count(limits))
    waiting = limited.parts(limits)
    argument = replace(settings, brief=True), dtypes
    while chunk := [part for part, _ in islice(waiting, AT_ONCE)]:
        crashed: list[Part] = []
        answers = _answers(chunk, backend, argument, deadline, kept)
        reached = 0
        try:
            for number, answer in answers:
                reached += 1
                if isinstance(answer, Crash | Broken):
                    crashed.append(chunk[number])
                else:
                    _take(found, Judged(*answer))
                progress(found.judged + found.impossible, found.planned)
            for part in crashed:
                _one_by_one(found, part, dtypes, backend, target, settings)
        except KeyboardInterrupt:
            found.interrupted = True
        found.by_clock = _is_over(deadline)
        if found.interrupted or not reached or found.by_clock:
            break
    return found


def _answers(
    parts: Sequence[Part],
    backend: Backend,
    argument: Any,
    deadline: float | None,
    kept: Kept | None,
) -> Iterator[tuple[int, Any]]:
    """Results by their parts' numbers: those that a store has, then the others as they come."""
    there = {} if kept is None else kept.answers(parts)
    yield from there.items()
    numbers = [number for number in range(len(parts)) if number not in there]
    left = [parts[number] for number in numbers]
    for place, answer in backend.run(judge_part, left, argument, deadline=deadline):
        if kept is not None and not isinstance(answer, Crash):
            kept.add(left[place], answer)
        yield numbers[place], answer


def _is_over(deadline: float | None) -> bool:
    return deadline is not None and time.monotonic() > deadline


def _take(found: Swept, part: Judged) -> None:
    exact = Counter({(row, name): number for row, name, number in part.exact})
    found.exact.update(exact)
    per_dtype = Counter[str]()
    for (_, name), number in exact.items():
        per_dtype[name] = max(per_dtype[name], number)
    found.judged += per_dtype.total() + len(part.kept) + part.further
    found.further += part.further
    found.impossible += part.impossible
    for case, judged in part.kept:
        _keep(found, case, judged)
    for case, judged in part.largest:
        if _weight(case) >= _weight(found.largest.get(case.dtype, (None,))[0]):
            found.largest[case.dtype] = case, judged


def _keep(found: Swept, case: Case, judged: Any) -> None:
    if len(found.kept) < MOST_KEPT:
        found.kept.append((case, judged))
    else:
        found.further += 1


def _one_by_one(
    found: Swept,
    part: Part,
    dtypes: Sequence[torch.dtype],
    backend: Backend,
    target: Target,
    settings: Settings,
) -> None:
    """The cases of a part that took its process along."""
    every = [*cases_of(target, part, dtypes)]
    cases = [case for case in every if case is not None]
    found.impossible += len(every) - len(cases)
    answer: Any
    for number, answer in backend.run(judge_case, cases, replace(settings, brief=True)):
        if isinstance(answer, Broken):
            found.unjudged.append((cases[number], answer))
            continue
        found.judged += 1
        is_exact = not isinstance(answer, Crash) and all(j.is_exact for j in answer)
        if is_exact:
            name = dtype_name(cases[number].dtype)
            found.exact.update((row, name) for row in {j.check for j in answer})
        else:
            _keep(found, cases[number], answer)
