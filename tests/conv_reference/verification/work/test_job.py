from __future__ import annotations

from conv_reference.verification.model.judgement import Crash
from conv_reference.verification.work.child import STOPPED, Piece
from conv_reference.verification.work.job import Job, is_tried_in_quiet, piece_for

ABORTED, KILLED = Crash("killed by SIGABRT"), Crash("killed by SIGKILL")


def job() -> Job:
    return Job(lambda *_: None, None, None, [])


def lose(job: Job, crash: Crash, *, alone: bool = True) -> None:
    """The process of an item ends: of the only suspect, or of the first of two items."""
    if job.suspects:
        job.lost(piece_for(job.suspects.pop()), 0, crash, (), alone=alone, slow=False)
    else:
        job.lost(Piece((0, 1), (0, 1)), 0, crash, (), alone=alone, slow=False)


def test_who_aborts_alone_is_to_blame() -> None:
    made = job()
    lose(made, ABORTED)
    assert (made.arrived, made.suspects) == ([(0, ABORTED)], [])


def test_who_was_killed_alone_is_tried_in_quiet_and_then_to_blame() -> None:
    for crash in (KILLED, Crash(STOPPED)):
        made = job()
        lose(made, crash)
        assert made.arrived == []
        assert is_tried_in_quiet(made.next_suspect())
        lose(made, crash)
        assert (made.arrived, made.suspects) == ([(0, crash)], [])


def test_a_suspect_that_was_killed_while_others_ran_is_tried_in_quiet() -> None:
    made = job()
    lose(made, ABORTED, alone=False)
    assert not is_tried_in_quiet(made.next_suspect())
    lose(made, KILLED)
    assert made.arrived == []
    assert is_tried_in_quiet(made.next_suspect())
    lose(made, KILLED)
    assert made.arrived == [(0, KILLED)]


def test_those_for_which_all_else_waits_come_first() -> None:
    made = job()
    for number, crash in enumerate((ABORTED, KILLED, ABORTED)):
        made.lost(Piece((number,), (number,)), 0, crash, (), alone=False, slow=False)
    suspect = made.next_suspect()
    assert suspect is not None
    assert suspect.number == 1
