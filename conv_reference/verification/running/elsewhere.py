"""Cases that a known crash would take: put to the target where torch does not crash.

Most of these crashes are of code for some processors' instructions, and oneDNN can be set to do
without. A process that is so set before its first convolution answers the same cases by other
code; what the target itself does wrong there shows as well.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

from conv_reference.verification.checks import all_checks
from conv_reference.verification.diagnosis.crashes import crashed
from conv_reference.verification.execution import Settings, judge_case
from conv_reference.verification.known.known import Defect
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.judgement import Crash, Judgement
from conv_reference.verification.model.notes import Note, NoteKind
from conv_reference.verification.model.result import FAILURES
from conv_reference.verification.options import clock
from conv_reference.verification.work.backend import Backend
from conv_reference.verification.work.messages import Broken

LEVEL = "ONEDNN_MAX_CPU_ISA"
MOST = 200  # cases of one defect; their number grows with the budget
Spared = Sequence[tuple[Defect, Case]]


@dataclass(frozen=True)
class Elsewhere:
    """What came of them."""

    results: tuple[tuple[Case, tuple[Judgement, ...]], ...] = ()
    notes: tuple[Note, ...] = ()


def put_elsewhere(spared: Spared, backend: Backend | None, settings: Settings) -> Elsewhere:
    """The cases, at the level of instructions at which their defects do not crash.

    What fails there says so: see ``Judgement.setting``.

    Args:
        spared: cases, each with the defect that would crash.
        backend: where the target runs otherwise; it may have no place for them. None where they
            are not to be put.
        settings: of the run.
    """
    results: dict[Case, tuple[Judgement, ...]] = {}
    for level in sorted({defect.harmless_at for defect, _ in spared} - {""}):
        place = None if backend is None else backend.under({LEVEL: level})
        if place is not None:
            with closing(place):
                results |= _put(_of(spared, level), place, settings, f"{LEVEL}={level}")
    return Elsewhere(tuple(results.items()), tuple(_notes(spared, results)))


def put_there(spared: Spared) -> list[Case]:
    """The cases that are put where they do not crash, as far as there is such a place."""
    levels = {defect.harmless_at for defect, _ in spared} - {""}
    return [*dict.fromkeys(case for level in levels for case in _of(spared, level))]


def _of(spared: Spared, level: str) -> list[Case]:
    """Some of those whose defect does not crash at the level."""
    named = dict.fromkeys(defect for defect, _ in spared if defect.harmless_at == level)
    return [case for name in named for case in [c for d, c in spared if d is name][:MOST]]


def _put(
    cases: Sequence[Case], place: Backend, settings: Settings, setting: str
) -> Iterator[tuple[Case, tuple[Judgement, ...]]]:
    deadline = time.monotonic() + clock.ELSEWHERE
    for number, result in place.run(judge_case, cases, settings, deadline=deadline):
        case = cases[number]
        if isinstance(result, Broken):
            continue
        check = all_checks()[case.check]
        judged = [crashed(check, case, result)] if isinstance(result, Crash) else result
        yield case, tuple(_under(setting, judgement) for judgement in judged)


def _under(setting: str, judgement: Judgement) -> Judgement:
    return judgement.met_under(setting) if judgement.verdict in FAILURES else judgement


def _notes(spared: Spared, results: dict[Case, tuple[Judgement, ...]]) -> Iterator[Note]:
    for defect in dict.fromkeys(defect for defect, _ in spared):
        cases = [case for own, case in spared if own is defect]
        tried = sum(case in results for case in cases)
        known = f"{defect.name}, a known defect ({defect.link}), may crash"
        if tried:
            where = f"with {LEVEL}={defect.harmless_at}, at which it does not"
            were = "was" if tried == 1 else "were"
            said = f"{_counted(tried)} in which {known} {were} tried {where}"
            yield Note(NoteKind.TRIED_ELSEWHERE, said)
        if tried < len(cases):
            left = _counted(len(cases) - tried)
            yield Note(NoteKind.NOT_TRIED, f"not tried: {left} in which {known}")


def _counted(number: int) -> str:
    return f"{number} case{'s' if number > 1 else ''}"
