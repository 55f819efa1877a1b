"""What harms the engine itself: its connection, its processes, its sense of who did it."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from conv_reference.verification.model.errors import TargetError
from conv_reference.verification.model.judgement import Crash
from conv_reference.verification.work import descent
from conv_reference.verification.work.child import GARBLED, STOPPED
from conv_reference.verification.work.children import Children
from conv_reference.verification.work.pace import Size
from conv_reference.verification.work.pieces import PIECE
from conv_reference.verification.work.processes import FORKS, Forking, Process
from conv_reference.verification.work.suspects import ALONE_RIGHT, LATER, NOT_AGAIN

pytestmark = pytest.mark.skipif(not FORKS, reason="elsewhere there is no process that forks")
CONV2D = "torch.nn.functional:conv2d"


@pytest.fixture(scope="module")
def source() -> Iterator[Forking]:
    with closing(Forking(full_run=False)) as made:
        yield made


@pytest.fixture
def children(source: Forking) -> Iterator[Children]:
    with closing(Children(CONV2D, 2, source=source)) as made:
        yield made


def answers(_: Any, item: Any, __: Any) -> Any:
    """Mostly the item; what is a word does harm."""
    if isinstance(item, str):
        globals()[item]()
    elif STATE:
        os.abort()
    return item


STATE: list[int] = []


def writes_everywhere() -> None:
    for descriptor in range(3, 1024):
        with suppress(OSError):
            os.write(descriptor, b"\x80\x05cos\nsystem\n(S'true'\ntR." * 10)


def forks_and_comes_back_twice() -> None:
    os.fork()


def forks_and_dies_while_the_fork_lives() -> None:
    if os.fork() == 0:
        time.sleep(1000)
    os._exit(7)


def stops_itself() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def stops_its_parent() -> None:
    os.kill(os.getppid(), signal.SIGSTOP)


def kills_its_parent() -> None:
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(1000)  # the system ends it, too, but not at once


def damages_what_comes_next() -> None:
    STATE.append(1)


def dies_later() -> None:
    threading.Timer(0.2, os.abort).start()


def sleeps() -> None:
    time.sleep(3)


def pauses() -> None:
    time.sleep(0.4)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("harm", "crash"),
    [
        (writes_everywhere, Crash(GARBLED)),
        (forks_and_dies_while_the_fork_lives, Crash("left the process with status 7", left=True)),
        (stops_itself, Crash(STOPPED)),
        (kills_its_parent, Crash("killed by SIGKILL")),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_who_does_harm_is_blamed_and_nobody_else(
    children: Children, harm: Any, crash: Crash
) -> None:
    items = [0, 1, harm.__name__, 3, 4]
    results = dict(children.run(answers, items, None))
    assert {**results, 2: None} == {0: 0, 1: 1, 2: None, 3: 3, 4: 4}
    # Whether what it wrote is read before its own answer or before the next is a race.
    assert replace(results[2], again="") == crash


@pytest.mark.slow
def test_whoever_dies_with_another_is_tried_while_nothing_else_runs(children: Children) -> None:
    """The system ends whatever has the same parent, here what two processes do first."""
    items = ["sleeps", *range(1, PIECE), "kills_its_parent"]
    results = dict(children.run(answers, items, None))
    assert results == {**dict(enumerate(items)), PIECE: Crash("killed by SIGKILL")}


@pytest.mark.slow
@pytest.mark.parametrize("harm", [forks_and_comes_back_twice, stops_its_parent])
def test_what_harms_nobody_costs_nothing(children: Children, harm: Any) -> None:
    items = [0, harm.__name__, "pauses", 2, "pauses", 4]  # time for a fork to send something, too
    assert dict(children.run(answers, items, None)) == dict(enumerate(items))
    with closing(children.another()) as other:  # one that is forked next
        assert list(other.run(answers, items, None)) == list(enumerate(items))


@pytest.mark.slow
def test_who_damaged_what_came_next_is_blamed(source: Forking) -> None:
    with closing(Children(CONV2D, 1, source=source)) as children:
        items = [0, "damages_what_comes_next", 2, 3]
        results = dict(children.run(answers, items, None))
    assert results == {0: 0, 1: Crash("killed by SIGABRT", again=LATER), 2: 2, 3: 3}


def test_who_damaged_what_came_in_another_run_is_none_of_its_items(source: Forking) -> None:
    """Its number there is that of another item here, or of none."""
    with closing(Children(CONV2D, 1, source=source)) as children:
        items = [0, 1, 2, "damages_what_comes_next"]
        assert dict(children.run(answers, items, None)) == dict(enumerate(items))
        results = dict(children.run(answers, [7], None))
    assert results == {0: Crash("killed by SIGABRT", again=ALONE_RIGHT)}


def test_where_nobody_can_be_blamed_it_is_said(source: Forking) -> None:
    with closing(Children(CONV2D, 1, source=source)) as children:
        items = ["dies_later", "pauses"]
        results = dict(children.run(answers, [*items, *range(8), "pauses"], None))
    crashes = [result for result in results.values() if isinstance(result, Crash)]
    assert crashes in (
        [Crash("killed by SIGABRT", again=LATER)],
        [Crash("killed by SIGABRT", again=ALONE_RIGHT)],
    )


def rests(_: Any, item: float, __: Any) -> float:
    time.sleep(0.05)
    return item


@pytest.mark.parametrize("kind", [signal.SIGKILL, signal.SIGSTOP])
def test_what_is_ended_from_outside_costs_no_result(children: Children, kind: int) -> None:
    run = children.run(rests, range(30), None)
    results = dict([next(run)])
    busy = next(child for child in children._children if child.piece is not None)
    os.kill(busy.process.pid, kind)
    results |= dict(run)
    assert results == {item: item for item in range(30)}
    (note,) = children.notes
    assert "not again when that was tried alone" in note.text


@pytest.mark.slow
@pytest.mark.parametrize("kind", [signal.SIGKILL, signal.SIGSTOP])
def test_the_run_goes_on_whatever_becomes_of_the_process_that_forks(kind: int) -> None:
    with (
        closing(Forking(full_run=False)) as source,
        closing(Children(CONV2D, 1, source=source)) as children,
    ):
        assert dict(children.run(answers, [1], None)) == {0: 1}
        seen = descent.seen(children.processes[0])
        assert seen is not None
        os.kill(seen.parent, kind)
        results = dict(children.run(answers, [1, "stops_itself", 3], None))
        assert results == {0: 1, 1: Crash(STOPPED), 2: 3}


def test_what_a_target_started_does_not_survive(children: Children) -> None:
    ((_, number),) = children.run(starts_others, [0], None)
    assert isinstance(number, int)
    assert descent.seen(number) is not None
    children.close()
    left = descent.seen(number)
    assert left is None or left.has_ended


def starts_others(*_: Any) -> int:
    return subprocess.Popen(["sleep", "1000"], start_new_session=True).pid


@pytest.fixture
def refusing(source: Forking, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Forking]:
    """The source, which starts so many processes, and no more."""
    start = source.start

    def after(left: int) -> Forking:
        count = iter(range(left))

        def started(connection: int, shared: int, errors: int) -> Process:
            if next(count, None) is None:
                raise OSError(11, "Resource temporarily unavailable")
            return start(connection, shared, errors)

        monkeypatch.setattr(source, "start", started)
        return source

    return after


def test_where_no_process_can_be_started_any_more_the_results_stay(
    refusing: Callable[[int], Forking],
) -> None:
    children = Children(CONV2D, 1, source=refusing(1))
    with closing(children):
        results = dict(children.run(answers, [0, 1, "stops_itself", 3], None))
        assert results.keys() <= {0, 1, 2}  # what had not been sent is gone with its process
        assert isinstance(results[2], Crash)
        assert dict(children.run(answers, [0], None)) == {}
        assert dict(children.another().run(answers, [0], None)) == {}
    (note,) = children.notes
    assert note.text == (
        "not reached: no further process could be started (cannot start a process: "
        "[Errno 11] Resource temporarily unavailable)"
    )


FAILS_LATER = """
import pathlib
count = pathlib.Path(__file__).with_suffix(".count")
times = len(count.read_text()) if count.exists() else 0
count.write_text("x" * (times + 1))
if times:
    raise RuntimeError("the device is busy")
from torch.nn.functional import conv2d
"""


def test_an_import_that_fails_later_costs_no_result(source: Forking, tmp_path: Path) -> None:
    (tmp_path / "fails_later.py").write_text(FAILS_LATER)
    with closing(Children(f"{tmp_path}/fails_later.py:conv2d", 1, source=source)) as children:
        assert dict(children.run(answers, [0, 1], None)) == {0: 0, 1: 1}
        results = dict(children.run(answers, ["stops_itself", 1], None))
        assert results == {0: Crash(STOPPED, again=NOT_AGAIN)}
        (note,) = children.notes
    assert note.text.endswith("RuntimeError: the device is busy)")


def test_a_folder_for_temporary_files_that_is_gone_costs_nothing(
    source: Forking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    with closing(Children(CONV2D, 1, source=source)) as children:
        assert dict(children.run(answers, [0, 1], None)) == {0: 0, 1: 1}
        folder.rmdir()
        results = dict(children.run(answers, ["leaves", 1, 2], None))
        assert results == {0: Crash("left the process with status 5", left=True), 1: 1, 2: 2}
        assert children.notes == []


def leaves() -> None:
    os._exit(5)


def test_where_no_process_can_be_started_at_all_it_is_one_line(
    refusing: Callable[[int], Forking],
) -> None:
    with pytest.raises(TargetError, match="^cannot start a process: .*unavailable$"):
        Children(CONV2D, 1, source=refusing(0)).describe()


def test_whoever_reads_no_further_leaves_nothing_for_the_next_run(children: Children) -> None:
    run = children.run(rests, range(100), None)
    next(run)
    run.close()
    assert dict(children.run(rests, [7.5], None)) == {0: 7.5}


def rests_by_size(_: Any, item: float, __: Any) -> float:
    time.sleep(item / 1000)
    return item


def by_item(item: float) -> Size:
    return Size("one", item)


def test_what_is_slow_is_waited_for_and_what_would_take_too_long_is_not_begun(
    source: Forking,
) -> None:
    """A limit of a second, a millisecond for each unit: 3,000 may take three, 100,000 may not."""
    items = [10.0] * 4 + [400.0] * 4 + [3000.0, 100_000.0]
    with closing(Children(CONV2D, 1, limit=1.0, source=source)) as children:
        children._patience.pace.note(by_item(1.0), 0.001)
        run = children.run(rests_by_size, items[:8], None, weigh=by_item)
        assert dict(run) == dict(enumerate(items[:8]))
        assert children._patience.of(by_item(3000.0)) == 4.0
        assert dict(children.run(rests_by_size, items[8:], None, weigh=by_item)) == {}
        (note,) = children.notes
    assert note.text.startswith("left out as too slow: 2 cases that would take more than 1 s")


@pytest.mark.slow
def test_where_the_pace_says_little_a_slow_one_is_no_crash(source: Forking) -> None:
    items = [10.0] * 4 + [60.0] * 3 + [100_000.0, 10.0]
    with closing(Children(CONV2D, 1, limit=1.0, source=source)) as children:
        children._patience.pace.note(by_item(1.0), 0.001)
        results = dict(children.run(rests_by_size, items, None, weigh=by_item))
    assert results == {n: item for n, item in enumerate(items) if item < 100_000}
