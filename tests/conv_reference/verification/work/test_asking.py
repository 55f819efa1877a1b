"""One thing after another asked of a child that may be lost."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from conv_reference.verification.model.judgement import Crash
from conv_reference.verification.work.asking import Asking
from conv_reference.verification.work.messages import Broken, NoTarget
from conv_reference.verification.work.processes import FORKS, cheapest

pytestmark = pytest.mark.skipif(not FORKS, reason="elsewhere each child imports torch anew")


def own_number(_: NoTarget, __: None, ___: None) -> int:
    return os.getpid()


def leaves(own: NoTarget, status: int, _: None) -> None:
    own.about_to("its end")
    os._exit(status)


def leaves_where_it_was_asked_before(own: NoTarget, _: None, __: None) -> str:
    if "BEFORE" in os.environ:
        leaves(own, 3, None)
    return "answered"


def remembers(_: NoTarget, __: None, ___: None) -> None:
    os.environ["BEFORE"] = "1"


def sleeps(own: NoTarget, _: None, __: None) -> None:
    own.about_to("short")
    time.sleep(1e6)


def writes_over_it(_: NoTarget, __: None, ___: None) -> None:
    for descriptor in range(3, 4096):
        try:
            os.write(descriptor, b"none of its messages")
        except OSError:
            continue


def mistaken(_: NoTarget, __: None, ___: None) -> None:
    raise LookupError("ours")


def compiles(own: NoTarget, _: None, __: None) -> int:
    own.about_to("compiling")
    return os.system("timeout 4 awk 'BEGIN { while (1) ; }'")


@pytest.fixture(scope="module")
def asking() -> Iterator[Asking]:
    limits = {"short": 0.5, "compiling": 1.5}
    with (
        closing(cheapest(full_run=None)) as source,
        closing(Asking(source, lambda place: limits.get(place, 20.0))) as made,
    ):
        yield made


def test_one_child_answers_one_thing_after_another(asking: Asking) -> None:
    first = asking.ask(own_number, None, None)
    assert first != os.getpid()
    assert asking.ask(own_number, None, None) == first


def test_one_that_ends_says_where_it_was_and_the_next_is_another(asking: Asking) -> None:
    first = asking.ask(own_number, None, None)
    lost = asking.ask(leaves, 4, None)
    assert (lost.how, lost.asked, lost.hung) == ("left the process with status 4", "its end", False)
    assert asking.ask(own_number, None, None) != first


def test_what_ends_a_process_that_had_answered_is_asked_once_more(asking: Asking) -> None:
    asking.ask(remembers, None, None)
    assert asking.ask(leaves_where_it_was_asked_before, None, None) == "answered"


def test_what_does_not_return_is_ended(asking: Asking) -> None:
    child = asking.ask(own_number, None, None)
    lost = asking.ask(sleeps, None, None)
    assert lost == Crash("did not return in 0.5 s", asked="short", hung=True)
    with pytest.raises(ProcessLookupError):
        os.kill(child, signal.SIGCONT)


@pytest.mark.parametrize(("function", "how"), [(writes_over_it, "sent what is no answer")])
def test_bytes_that_are_no_answer_are_not_read(asking: Asking, function: Any, how: str) -> None:
    assert asking.ask(function, None, None).how == how


def test_our_own_mistake_is_one(asking: Asking) -> None:
    answer = asking.ask(mistaken, None, None)
    assert isinstance(answer, Broken)
    assert answer.error == "LookupError: ours"


@pytest.mark.slow
def test_another_program_that_works_is_waited_for(asking: Asking) -> None:
    assert os.waitstatus_to_exitcode(asking.ask(compiles, None, None)) == 124  # of timeout
