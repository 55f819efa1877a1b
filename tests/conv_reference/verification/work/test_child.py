from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest

from conv_reference.verification.work import descent
from conv_reference.verification.work.child import Child, Piece, is_asleep, last_words

GLOG = """\
I0000 00:00:17.4 4711 service.cc:152] XLA service initialized
F0000 00:00:17.9 4711 array.h:512] Check failed: n < sizes_[0] (7 vs. 5)
*** Check failure stack trace: ***
    @     0x7f1c2a3b4c5d  (unknown)
    @     0x7f1c2a3b4c9e  (unknown)
"""


@pytest.mark.parametrize(
    ("said", "last"),
    [
        (GLOG, "F0000 00:00:17.9 4711 array.h:512] Check failed: n < sizes_[0] (7 vs. 5)"),
        ("warning\nfree(): invalid pointer\n", "free(): invalid pointer"),
        ("    #0 0x55d0 in main a.c:3\n", "#0 0x55d0 in main a.c:3"),
        ("", ""),
    ],
    ids=["a check failed", "no stack", "a stack alone", "nothing"],
)
def test_what_is_above_a_stack_says_why_a_process_ended(said: str, last: str) -> None:
    assert last_words(said).strip() == last


@pytest.mark.parametrize(
    ("waited", "worked", "asleep"),
    [(7.0, 0.0, False), (9.0, 0.0, True), (9.0, 0.1, True), (9.0, 0.3, False), (90.0, 2.0, False)],
)
def test_who_waits_and_does_nothing_is_asleep(waited: float, worked: float, asleep: bool) -> None:
    assert is_asleep(waited, lambda: worked, 8.0) == asleep


@pytest.fixture
def child(monkeypatch: pytest.MonkeyPatch) -> Child:
    """One that has been at an item for ten seconds, and has worked for none of them."""
    made = Child.__new__(Child)  # what is asked of it is the clock and the processor's alone
    process: Any = SimpleNamespace(seen=lambda: SimpleNamespace(worked=3.0), pid=0)
    place: Any = SimpleNamespace(number=0, asked="called 1")
    made.process, made._place, made._seen = process, place, 0
    made.begun, made._worked = time.monotonic() - 10, 3.0
    made._noted, made._noted_at, made._noted_work = "", made.begun, 0.0
    made.piece = Piece((0,), ("an item",))
    monkeypatch.setattr(descent, "descendants", lambda _: {})
    return made


@pytest.mark.parametrize(("finished", "sleeps"), [(0, False), (1, True)])
def test_the_first_item_of_a_process_may_wait_for_what_it_needs(
    finished: int, sleeps: bool, child: Child
) -> None:
    child.finished = finished
    assert child.sleeps(8.0) == sleeps


def test_before_it_is_ready_each_call_has_a_time_of_its_own(child: Child) -> None:
    assert not child.sleeps_at_a_call(8.0)  # this is when it is first seen at it
    child._noted_at -= 10
    assert child.sleeps_at_a_call(8.0)
    place: Any = SimpleNamespace(number=0, asked="called 2")
    child._place = place
    assert not child.sleeps_at_a_call(8.0)
