"""Starts that fail: counted once for each cause, and after three in a row no more are made."""

from __future__ import annotations

import time
from typing import Any

import pytest

from conv_reference.verification.model.errors import TargetError
from conv_reference.verification.work.children import Children
from conv_reference.verification.work.launching import MOST_STARTS, Launcher


def test_what_had_begun_before_a_failure_failed_with_it() -> None:
    launcher = Launcher("torch.nn.functional:conv2d")
    begun = time.monotonic()

    assert launcher.has_failed(begun)
    assert not launcher.has_failed(begun)
    assert launcher.failed == 1


def test_failures_are_counted_in_a_row() -> None:
    launcher = Launcher("torch.nn.functional:conv2d")
    for _ in range(MOST_STARTS - 1):
        launcher.has_failed()
    launcher.has_succeeded()
    launcher.has_failed()
    assert not launcher.has_given_up
    for _ in range(MOST_STARTS - 1):
        launcher.has_failed()
    assert launcher.has_given_up


class Full:
    """A system that starts no process any more."""

    def start(self, *_: int) -> Any:
        raise OSError("no more processes")


@pytest.mark.parametrize(
    ("has_results", "said"),
    [
        (False, "cannot start a process: no more processes"),
        (True, "cannot import 'a:b': no process can be started"),
    ],
)
def test_where_no_process_can_be_started_it_is_said_in_one_line(
    has_results: bool, said: str
) -> None:
    source: Any = Full()
    children = Children("a:b", 1, source=source, has_results=has_results)
    with pytest.raises(TargetError, match=f"^{said}$"):
        children.describe()
    why = "(cannot start a process: no more processes)"
    notes = [f"not reached: no further process could be started {why}"] if has_results else []
    assert [str(note) for note in children.notes] == notes
