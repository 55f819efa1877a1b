from __future__ import annotations

from conv_reference.verification.model.notes import Note, NoteKind
from conv_reference.verification.work.patience import Patience


def test_what_is_left_out_is_counted_from_the_beginning() -> None:
    patience = Patience(20.0)
    assert patience.left_out() is None
    patience.leave_out()
    one = "left out as too slow: 1 case that would take more than 20 s, at the pace of the others"
    assert patience.left_out() == Note(NoteKind.TOO_SLOW, one, number=1)
    patience.leave_out()
    two = (
        "left out as too slow: 2 cases that would take more than 20 s each, at the pace of the "
        "others"
    )
    assert patience.left_out() == Note(NoteKind.TOO_SLOW, two, number=2)
