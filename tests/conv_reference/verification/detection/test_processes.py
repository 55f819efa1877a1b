from __future__ import annotations

import os
import time

import pytest

from conv_reference.verification.detection.processes import each_apart


def squared(number: int) -> tuple[int, int]:
    """Ends its process for 2, while that of 3 is busy."""
    if number == 2:
        os._exit(9)
    if number == 3:
        time.sleep(0.2)
    return number, number**2


def lost(number: int, reason: str) -> tuple[int, int]:
    assert reason == "its process ended without an answer"
    return number, -1


@pytest.mark.parametrize("workers", [1, 2])
def test_a_process_that_ends_loses_its_own_answer_alone(workers: int) -> None:
    answers = sorted(each_apart(squared, range(6), workers, lost, needed=()))
    assert answers == [(0, 0), (1, 1), (2, -1), (3, 9), (4, 16), (5, 25)]


def test_nothing_asked_is_nothing_answered() -> None:
    assert not list(each_apart(squared, [], 2, lost, needed=()))
