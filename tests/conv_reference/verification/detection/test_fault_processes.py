from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from conv_reference.verification.detection.fault_processes import each_apart
from conv_reference.verification.work.descent import descendants, seen


def squared(number: int) -> tuple[int, int]:
    """Ends its process for 2, while that of 3 is busy; of 7 there is no end."""
    if number == 2:
        os._exit(9)
    if number == 3:
        time.sleep(0.2)
    if number == 7:
        time.sleep(600)
    return number, number**2


def lost(number: int, reason: str) -> tuple[int, int]:
    assert reason.startswith("its process ended without an answer, or had none after ")
    return number, -1


@pytest.mark.parametrize("workers", [1, 2])
def test_a_process_that_ends_loses_its_own_answer_alone(workers: int) -> None:
    answers = sorted(each_apart(squared, range(6), workers, lost, needed=()))
    assert answers == [(0, 0), (1, 1), (2, -1), (3, 9), (4, 16), (5, 25)]


def test_what_does_not_end_is_lost_and_nothing_else() -> None:
    answers = sorted(each_apart(squared, [6, 7, 8], 2, lost, needed=(), longest=3.0))
    assert answers == [(6, 36), (7, -1), (8, 64)]


def test_nothing_asked_is_nothing_answered() -> None:
    assert not list(each_apart(squared, [], 2, lost, needed=()))


ASLEEP = """
import time
from conv_reference.verification.detection.fault_processes import each_apart
list(each_apart(time.sleep, [600], 1, print, needed=()))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere no process is listed")
def test_a_worker_ends_with_a_command_that_is_ended() -> None:
    with subprocess.Popen([sys.executable, "-c", ASLEEP]) as command:
        while not (workers := _workers(command.pid)):
            time.sleep(0.02)
        command.terminate()
    while any(_runs(worker) for worker in workers):  # the test's time limit is the measure
        time.sleep(0.02)


def _workers(command: int) -> list[int]:
    """The processes two generations below: the first is the one that forks them."""
    found = descendants(command)
    return [number for number, one in found.items() if one.parent in found]


def _runs(number: int) -> bool:
    one = seen(number)
    return one is not None and not one.has_ended
