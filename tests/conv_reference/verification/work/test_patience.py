from __future__ import annotations

from conv_reference.verification.work.patience import Patience


def test_what_is_left_out_is_counted_from_the_beginning() -> None:
    patience = Patience(20.0)
    assert patience.left_out() == ""
    patience.leave_out()
    one = "not reached: 1 case that would take more than 20 s, at the pace of the others"
    assert patience.left_out() == one
    patience.leave_out()
    two = "not reached: 2 cases that would take more than 20 s each, at the pace of the others"
    assert patience.left_out() == two
