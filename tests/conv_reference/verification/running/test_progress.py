"""Whoever follows a run gets what they take."""

from __future__ import annotations

from conv_reference.verification.console.progress_bar import Status
from conv_reference.verification.running.progress import Progress, followed_by


def test_a_function_takes_numbers_alone_and_nobody_takes_nothing() -> None:
    seen: list[tuple[int, int]] = []
    counted = followed_by(lambda *numbers: seen.append(numbers))
    for progress in (counted, followed_by(None)):
        progress(1, 2)
        progress.until(3.0)
        progress.hear("wrong so far")
    assert seen == [(1, 2)]


def test_the_terminals_takes_all() -> None:
    status = Status()
    followed: Progress = followed_by(status)
    assert followed is status
