from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from conv_reference.verification.work.stop import Stop


@pytest.fixture(autouse=True)
def usual() -> Iterator[None]:
    """A shell's `&` ignores the signal."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupt() -> None:
    signal.raise_signal(signal.SIGINT)


def test_the_first_interrupt_is_noted_and_the_second_raised() -> None:
    stop = Stop()
    with stop.heard():
        interrupt()
        assert stop.wanted
        with pytest.raises(KeyboardInterrupt):
            interrupt()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_first_interrupt_ends_what_is_waited_for() -> None:
    stop, reached = Stop(), []
    with stop.heard():
        with stop.asking():
            reached.append("before")
            interrupt()
            reached.append("after")
        assert (stop.wanted, reached) == (True, ["before"])
        with pytest.raises(KeyboardInterrupt), stop.asking():
            interrupt()


def test_a_second_interrupt_while_the_waiting_ends_is_not_lost() -> None:
    def ending() -> None:
        try:
            interrupt()
        finally:
            interrupt()

    stop = Stop()
    with pytest.raises(KeyboardInterrupt), stop.heard(), stop.asking():
        ending()


def test_an_interrupt_that_is_raised_as_usual_ends_the_waiting_too() -> None:
    stop = Stop()
    with stop.asking():
        interrupt()
    assert stop.wanted


def test_a_handler_of_somebody_else_stays() -> None:
    seen = []
    signal.signal(signal.SIGINT, lambda *_: seen.append("theirs"))
    with Stop().heard():
        interrupt()
    assert seen == ["theirs"]
