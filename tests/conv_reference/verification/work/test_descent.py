from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from conv_reference.verification.work import descent
from conv_reference.verification.work.processes import FORKS

pytestmark = pytest.mark.skipif(not FORKS, reason="elsewhere the system does not list them")
# A process that adopts, with one that has detached itself from it: its number is printed.
OWN_MARK = f"a mark of {os.getpid()}"  # other workers of xdist end what has theirs
DETACHED = """
import subprocess, sys, time
from conv_reference.verification.work import descent
descent.adopt()
inner = '''
import subprocess
sleep = subprocess.Popen(['sleep', '1000'], stdout=-3, start_new_session=True)
print(sleep.pid)
'''
run = subprocess.run([sys.executable, '-c', inner], stdout=subprocess.PIPE, text=True)
print(run.stdout, flush=True)
time.sleep(1000)
"""


@pytest.fixture
def tree() -> Iterator[tuple[int, int]]:
    """Such a process and what it has adopted."""
    environment = {**os.environ, descent.MARK: OWN_MARK}
    process = subprocess.Popen(
        [sys.executable, "-c", DETACHED], stdout=subprocess.PIPE, text=True, env=environment
    )
    with process:
        assert process.stdout is not None
        yield process.pid, int(process.stdout.readline())
        process.kill()


def is_gone(number: int) -> bool:
    seen = descent.seen(number)
    return seen is None or seen.has_ended


def wait_for(holds: Callable[[], bool]) -> bool:
    for _ in range(600):
        if holds():
            return True
        time.sleep(0.05)
    return False


def test_what_has_detached_itself_is_found_and_ended(tree: tuple[int, int]) -> None:
    process, detached = tree
    assert os.getsid(detached) == detached
    assert detached in descent.descendants(process)
    assert detached in descent.children(process)
    descent.end_descendants(process)
    assert is_gone(detached)
    assert not is_gone(process)


def test_what_nobody_adopted_is_found_by_its_mark(tree: tuple[int, int]) -> None:
    process, detached = tree
    descent.end(process)
    assert wait_for(lambda: is_gone(process))
    assert not is_gone(detached)
    descent.end_marked("another mark")
    assert not is_gone(detached)
    descent.end_marked(OWN_MARK)
    assert wait_for(lambda: is_gone(detached))


def test_a_program_that_is_just_being_loaded_is_looked_at_again(
    tree: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It runs, and has no environment yet: on a busy machine for a while."""
    _, detached = tree
    read, empty = Path.read_bytes, [f"/proc/{detached}/environ"]

    def read_bytes(path: Path) -> bytes:
        return b"" if str(path) in empty and empty.pop() else read(path)

    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    descent.end_marked(OWN_MARK)
    assert wait_for(lambda: is_gone(detached))


def test_a_process_is_seen() -> None:
    own = descent.seen(os.getpid())
    assert own is not None
    assert (own.parent, own.state, own.has_ended, own.is_stopped) == (
        os.getppid(),
        "R",
        False,
        False,
    )
    assert own.worked > 0
    assert descent.seen(2**30) is None
