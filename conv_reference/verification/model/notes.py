"""What a report says besides its verdicts and findings, as data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class NoteKind(StrEnum):
    """What a note is about."""

    ASSUMED = "assumed"  # taken for granted: where it is otherwise, all looks wrong
    EVER = "ever"  # what all runs of a store have judged
    OBSERVED = "observed"  # of the target, and neither right nor wrong
    WARNED = "warned"  # the same, to be known before the verdict is read
    NOT_ASKED = "not asked"  # checks that had nothing to judge, or were not chosen
    NOT_TRIED = "not tried"  # cases that were left out, for a known defect may crash there
    TRIED_ELSEWHERE = "tried elsewhere"  # such cases, with other instructions of the processor
    NOT_REMEMBERED = "not remembered"  # failing cases, for the folder cannot be written
    NOT_REQUESTED = "not requested"  # what an option would try
    NEVER_RUN = "never run"  # lines of the target's own that no case reached
    NOT_CHECKED = "not checked"  # what no option tries
    NOT_REACHED = "not reached"  # cases that the clock, or an interrupt, left over
    TOO_SLOW = "too slow"  # cases that were left out, for they would take too long


@dataclass(frozen=True)
class Note:
    """One sentence of a report, and what it is about."""

    kind: NoteKind
    text: str  # the whole sentence
    number: int = 0  # of cases, where the sentence counts those of all jobs so far
    by_check: tuple[tuple[str, int], ...] = ()  # cases, where it counts those of each check

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Unjudged:
    """What the engine itself failed on; ``str`` is what the report shows of it."""

    check: str  # or what was done when the cases had been judged: "the audit"
    case: str  # its text form; empty where it was no case
    error: str  # the exception and its message

    def __str__(self) -> str:
        return f"{self.case or self.check}: {self.error}"
