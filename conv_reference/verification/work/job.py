"""One run of items in child processes: what is still to be done, and what stands."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from conv_reference.verification.model.judgement import Crash
from conv_reference.verification.model.notes import Note, NoteKind
from conv_reference.verification.work.backend import Result
from conv_reference.verification.work.child import (
    GARBLED,
    Child,
    Piece,
    may_be_killed,
    may_be_others,
)
from conv_reference.verification.work.messages import Broken, Results, Target, Unreached
from conv_reference.verification.work.patience import Patience
from conv_reference.verification.work.suspects import REMEMBERED, Affair, Suspicion


@dataclass
class Job:
    """The pieces that wait, the items that may have ended a process, and the results so far."""

    function: Callable[[Target, Any, Any], Any]
    argument: Any
    deadline: float | None
    waiting: list[Piece]  # the next one last
    suspects: list[Suspicion] = field(default_factory=list)
    arrived: list[tuple[int, Result | Crash | Broken]] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    def give_up(self) -> None:
        """Begin nothing more."""
        self.waiting.clear()
        for suspect in self.suspects:
            assert suspect.affair is not None
            self.arrived += suspect.affair.given_up()
        self.suspects.clear()

    def next_suspect(self) -> Suspicion | None:
        """Which is tried next: those first for which all else waits."""
        return next((one for one in self.suspects if is_tried_in_quiet(one)), None) or (
            self.suspects[-1] if self.suspects else None
        )

    def give_up_on(self, piece: Piece) -> None:
        """An item of a piece was not reached: where it is a suspect, its affair ends there."""
        if piece.suspicion is not None:
            assert piece.suspicion.affair is not None
            self.arrived += piece.suspicion.affair.given_up()

    def take(self, child: Child, piece: Piece, message: Results, patience: Patience) -> str:
        """Results of a piece, in the order of its items; what is wrong with them, or empty.

        Args:
            child: that sent them.
            piece: that it is at.
            message: the next results.
            patience: that learns from how long they took.
        """
        results = list(zip(message.results, message.seconds, strict=False))
        if len(results) > len(piece.items) - piece.done:
            return GARBLED
        for result, seconds in results:
            place = piece.done
            piece.done += 1
            if isinstance(result, Unreached):
                if result.seconds is not None:
                    patience.leave_out()
                self.give_up_on(piece)
                continue
            done = piece.item(place)
            child.finished += 1
            child.past.append(done)
            patience.note(done.size, seconds, first=child.finished == 1)
            if piece.suspicion is None or piece.done == len(piece.items):
                self.settle(piece, done.number, result)
        if piece.done == len(piece.items):
            child.piece = None
        return ""

    def settle(self, piece: Piece, number: int, result: Result) -> None:
        """A result stands, or is what a suspect came back with."""
        if piece.suspicion is None:
            self.arrived.append((number, result))
            return
        affair = piece.suspicion.affair
        assert affair is not None
        settled, following = affair.returned(piece.suspicion, result)
        self.arrived += settled
        if following is not None:
            self.suspects.append(following)
        elif affair.by_others:
            text = (
                f"a process ended at {affair.at.item} ({affair.crash.how}), and not again when "
                "that was tried alone: perhaps it was ended from outside"
            )
            self.notes.append(Note(NoteKind.OBSERVED, text))

    def lost(
        self,
        piece: Piece,
        at: int,
        crash: Crash,
        past: Iterable[Suspicion],
        *,
        alone: bool,
        slow: bool,
    ) -> None:
        """A process is gone: the item at which it was is suspected, the others go to another.

        Args:
            piece: that it was at.
            at: the item's place in it.
            crash: how it ended.
            past: what it had done before the piece, the latest last.
            alone: whether it had done nothing before this item, which so is to blame unless it was
                killed.
            slow: whether the item may have come back in the end: then it was not reached.
        """
        suspect, killed = piece.item(at), may_be_killed(crash)
        if piece.suspicion is not None:
            affair = piece.suspicion.affair
            assert affair is not None
            if killed and not affair.killed:  # others ran beside it
                affair.killed = True
                self.suspects.append(piece.suspicion)
            else:
                self.arrived += affair.ended(piece.suspicion, crash, at)
            return
        for part in (piece.part(piece.done, at), piece.part(at + 1)):
            if part.items:
                self.waiting.append(part)
        if slow:
            return
        if alone and not killed:
            self.arrived.append((suspect.number, crash))
            return
        earlier = [*past, *(piece.item(place) for place in range(piece.done, at))]
        affair = Affair(crash, suspect, earlier[-REMEMBERED:], may_be_others(crash), killed)
        self.suspects.append(affair.first())


def piece_for(suspect: Suspicion) -> Piece:
    """The piece in which a suspect is tried, with those that its affair says."""
    assert suspect.affair is not None
    tried = suspect.affair.tried_with(suspect)
    sizes = tuple(one.size for one in tried if one.size is not None)
    numbers, items = tuple(one.number for one in tried), tuple(one.item for one in tried)
    return Piece(numbers, items, sizes, suspicion=suspect)


def is_tried_in_quiet(suspect: Suspicion | None) -> bool:
    """Whether a suspect is tried while nothing else runs."""
    return suspect is not None and suspect.affair is not None and suspect.affair.killed
