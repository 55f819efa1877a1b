from __future__ import annotations

import re
import time

import pytest
from rich.progress import MofNCompleteColumn, Progress, TextColumn

from conv_reference.verification.console.progress_bar import (
    GATHERING,
    STARTING,
    Counted,
    Status,
    shown,
)


def test_the_phase_follows_from_what_is_done() -> None:
    status = Status()
    assert str(status) == STARTING
    status.at("learning what it refuses, 3 of 52 small cases")
    assert str(status) == "learning what it refuses, 3 of 52 small cases"
    status(1, 10)
    assert str(status).startswith("judging cases, 1 of 10")
    status(10, 10)
    assert str(status) == GATHERING
    status.at("making failing cases small, fault 2 of 3")
    assert str(status) == "making failing cases small, fault 2 of 3"
    status.begin("fresh cases")
    assert str(status) == f"fresh cases: {STARTING}"


def test_the_time_left_follows_from_the_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    status = Status()
    status(1, 1_000)
    now[0] += 50.0
    status(100, 1_000)

    assert status.seconds_left == 450.0
    assert str(status) == "judging cases, 100 of 1,000, about 8 min left"


def test_the_last_cases_are_said_to_take_what_as_many_took_of_late(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The largest come last: 'about 0 s left' stood there for twenty seconds."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    status = Status()
    status(1, 500)
    for done in range(2, 481):
        now[0] += 0.01
        status(done, 500)
    assert str(status) == "judging cases, 480 of 500, about 0 s left"
    for done in range(481, 491):
        now[0] += 1.0
        status(done, 500)
    assert str(status) == "judging cases, 490 of 500, about 10 s left"
    now[0] += 5.0
    assert str(status) == "judging cases, 490 of 500, about 15 s left"


def test_the_time_left_is_no_longer_than_the_clock_lets_it_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    status = Status()
    status.until(130.0)
    status(0, 1_000)
    assert str(status) == "judging cases"  # nobody knows before some are judged
    now[0] += 10.0
    status(50, 1_000)
    assert str(status) == "judging cases, 50 of 1,000, at least 20 s left"
    status(900, 1_000)
    assert str(status) == "judging cases, 900 of 1,000, about 1 s left"
    now[0] += 60.0  # and is put off, perhaps
    assert str(status) == "judging cases, 900 of 1,000"
    status.until(190.0)
    status(950, 950)
    assert str(status) == f"{GATHERING}, at most 20 s left"
    status.begin("fresh cases")
    assert str(status) == f"fresh cases: {STARTING}"


def test_a_bar_is_brief_and_leaves_nothing_on_the_screen(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    with shown() as status:
        status.until(time.monotonic() + 60)
        for done in range(2_000):
            status(done, 2_000)
    written = capsys.readouterr().err
    assert "judging cases" in written
    assert "left" in written
    assert len(written) < 20_000  # an update for each case would be a hundred times that
    assert written.endswith("\x1b[2K")  # the line is taken away


def test_a_log_has_a_line_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    with shown(interval=0.01) as status:
        status(30, 100)
        deadline = time.monotonic() + 10
        said = ""
        while said.count("judging") < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
            said += capsys.readouterr().err
    assert re.search(r"(conv-reference: judging cases, 30 of 100.*\n){2,}", said)


def test_quiet_is_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    with shown(quiet=True, interval=0.001) as status:
        status(30, 100)
        time.sleep(0.02)
    assert capsys.readouterr().err == ""


def test_a_log_says_at_once_how_many_cases_are_planned(capsys: pytest.CaptureFixture[str]) -> None:
    with shown(interval=60) as status:
        status(0, 1_234)
        status(1, 1_234)
    assert capsys.readouterr().err == "conv-reference: 1,234 cases are planned\n"
    with shown(quiet=True) as status:
        status(0, 1_234)
    assert capsys.readouterr().err == ""


def test_on_a_terminal_nothing_is_counted_before_the_cases_are_planned() -> None:
    columns = [Counted(column) for column in (MofNCompleteColumn(), TextColumn("left"))]
    bar = Progress(*columns)  # not begun
    task = bar._tasks[bar.add_task("starting", total=None)]
    assert [column.render(task) for column in columns] == ["", ""]
    bar.update(task.id, total=10)
    assert [str(column.render(task)) for column in columns] == [" 0/10", "left"]


def test_what_is_heard_is_said_at_once_but_for_what_is_expected(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with shown(interval=60) as status:
        status.hear("wrong so far")
        status.hears = False
        status.hear("wrong as the baseline has it")
    assert capsys.readouterr().err == "conv-reference: wrong so far\n"
    with shown(quiet=True) as status:
        status.hear("wrong so far")
    assert capsys.readouterr().err == ""
