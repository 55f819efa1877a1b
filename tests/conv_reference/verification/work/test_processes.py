from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conv_reference.verification.model.errors import TargetError
from conv_reference.verification.model.judgement import Crash
from conv_reference.verification.work import processes
from conv_reference.verification.work.children import Children
from conv_reference.verification.work.processes import Forking, Processes, Spawning
from conv_reference.verification.work.starting import memory_file

CONV2D = "torch.nn.functional:conv2d"


def number(*_: Any) -> int:
    return os.getpid()


def group(*_: Any) -> tuple[int, int]:
    return os.getpgid(0), os.getsid(0)


def drawn(*_: Any) -> float:
    return float(np.random.rand())


def dies(_: Any, item: str, __: Any) -> None:
    if item == "signal":
        os.kill(os.getpid(), signal.SIGTERM)
    os._exit(int(item))


def kills_its_parent(*_: Any) -> None:
    os.kill(os.getppid(), signal.SIGKILL)


FORKING = partial(Forking, full_run=False)


@pytest.fixture(scope="module", params=[FORKING, Spawning])
def source(request: pytest.FixtureRequest) -> Iterator[Processes]:
    with closing(request.param()) as made:
        yield made


def once(children: Children, function: Any, item: Any = None) -> Any:
    ((_, result),) = children.run(function, [item], None)
    return result


def test_each_child_is_a_process_with_a_group_of_its_own_until_it_is_closed(
    source: Processes,
) -> None:
    children = Children(CONV2D, 1, source=source)
    with closing(children), closing(children.another()) as other:
        numbers = once(children, number), once(other, number)
        assert numbers == (*children.processes, *other.processes)
        assert len({*numbers, os.getpid()}) == 3
        assert once(children, group) == (numbers[0], numbers[0])
    for gone in numbers:
        with pytest.raises(ProcessLookupError):
            os.kill(gone, 0)


@pytest.mark.slow
def test_how_a_process_ended_is_known(source: Processes) -> None:
    with closing(Children(CONV2D, 1, source=source)) as children:
        assert once(children, dies, "signal") == Crash("killed by SIGTERM")
        assert once(children, dies, "0") == Crash("left the process with status 0", left=True)
        assert once(children, number) == children.processes[0]  # of the next one


def test_what_was_asked_of_a_process_that_was_killed_has_ended_with_it() -> None:
    """It had not answered yet, and what took its place knows nothing of that."""
    with closing(FORKING()) as source, memory_file("both") as file:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            asked = theirs.fileno(), file.fileno(), file.fileno()
            lost = source.start(*asked)
            os.kill(source._server._process.pid, signal.SIGKILL)
            source._server._process.wait(10)
            source.start(*asked)
        assert lost.pid == 0
        assert lost.status() == -signal.SIGKILL
        assert (lost.seen(), lost.said()) == (None, b"")
        lost.kill()


@pytest.mark.slow
def test_where_a_target_kills_the_process_that_forks_there_is_another() -> None:
    with closing(FORKING()) as source, closing(Children(CONV2D, 1, source=source)) as children:
        once(children, kills_its_parent)
        once(children, dies, "0")
        assert once(children, number) == children.processes[0]


@pytest.mark.slow
@pytest.mark.parametrize("source", [FORKING], indirect=True)
def test_forks_do_not_draw_the_same(source: Processes) -> None:
    children = Children(CONV2D, 1, source=source)
    with closing(children), closing(children.another()) as other:
        assert once(children, drawn) != once(other, drawn)


def test_to_close_does_not_wait_for_the_import_of_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes.Server, "number", lambda *_: pytest.fail("waited for it"))
    with closing(Children(CONV2D, 2)) as children:
        children.start()


def test_where_the_process_that_forks_cannot_start_it_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(processes, "_SERVER", "conv_reference.verification.no_such_worker")
    with (
        closing(Forking()) as source,
        closing(Children(CONV2D, 1, source=source)) as children,
        pytest.raises(TargetError, match=r"status 1: .*No module named .*no_such_worker"),
    ):
        children.describe()


def has_dynamo(*_: Any) -> bool:
    return "torch._dynamo" in sys.modules


@pytest.mark.slow
def test_what_every_check_needs_is_imported_while_nobody_waits() -> None:
    with closing(FORKING()) as source:
        with closing(Children(CONV2D, 1, source=source)) as children:
            assert not once(children, has_dynamo)
        source.get_ready()
        with closing(Children(CONV2D, 1, source=source)) as children:
            assert once(children, has_dynamo)


def capacity(*_: Any) -> str | None:
    return os.environ.get("ONEDNN_PRIMITIVE_CACHE_CAPACITY")


@pytest.mark.slow
def test_the_cache_of_kernels_is_small_where_the_user_did_not_set_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for given, found in ((None, "128"), ("7", "7")):
        if given is not None:
            monkeypatch.setenv("ONEDNN_PRIMITIVE_CACHE_CAPACITY", given)
        with closing(FORKING()) as source, closing(Children(CONV2D, 1, source=source)) as children:
            assert once(children, capacity) == found


@pytest.mark.slow
@pytest.mark.skipif(not processes.FORKS, reason="elsewhere the system does not end it")
def test_what_hangs_ends_with_a_run_that_is_killed(tmp_path: Path) -> None:
    (tmp_path / "endless.py").write_text(
        "import os, pathlib\n"
        "def convolve(input, weight):\n"
        "    pathlib.Path('number').write_text(f'{os.getpid()}\\n')\n"
        "    while True: pass\n"
    )
    command = [sys.executable, "-m", "conv_reference.cli", "verify", "endless.py:convolve"]
    run = subprocess.Popen([*command, "--workers", "1"], cwd=tmp_path, stdout=subprocess.DEVNULL)
    told = tmp_path / "number"
    await_that(lambda: told.exists() and told.read_text().endswith("\n"))
    run.kill()
    run.wait()
    await_that(lambda: not Path(f"/proc/{told.read_text().strip()}").exists())


def await_that(holds: Callable[[], bool]) -> None:
    """Wait for it, a minute at most."""
    for _ in range(600):
        if holds():
            return
        time.sleep(0.1)
    pytest.fail("it never came")
