"""A command that begins anew, and whose children are forks of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from conv_reference.verification.work import anew, descent, processes

pytestmark = pytest.mark.skipif(not processes.FORKS, reason="elsewhere nothing is forked")

# What runs in a child, by its name.
ASKED = """\
import os, signal, subprocess, sys, torch

def seen(*_):
    return {
        "dirty": set(bytes(torch.empty(5000, dtype=torch.uint8).numpy())),
        "set": {name: os.environ.get(name) for name in ("MALLOC_PERTURB_", "OMP_WAIT_POLICY")},
        "alone": os.getsid(0) == os.getpid(),
        "said": sys.stdin.read(),
        "argv": len(sys.argv),
        "open": "kept" in [os.path.basename(os.readlink(f"/proc/self/fd/{n}")) for n in handed()],
        "product": float((torch.ones(700, 700) @ torch.ones(700, 700)).max()),
    }

def handed():
    return [n for n in os.listdir("/proc/self/fd") if os.path.islink(f"/proc/self/fd/{n}")]

def detached(*_):
    kept = subprocess.Popen(["sleep", "100"], start_new_session=True)
    return kept.pid

def kills_its_parent(*_):
    os.kill(os.getppid(), signal.SIGKILL)
"""
COMMAND = """\
import json, os, sys, time
from contextlib import closing
from conv_reference.verification.work.anew import Shared, begin_anew
begin_anew()
import asked
from conv_reference.verification.work.children import Children

def once(function):
    ((_, result),) = children.run(function, [None], None)
    return result

kept = open("kept", "w")
with closing(Shared()) as shared:
    source = shared.processes(["torch"], full_run=False)
    found = {"own": os.environ.get("MALLOC_PERTURB_"), "arguments": sys.argv[1:]}
    with closing(Children("torch.nn.functional:conv2d", 1, source=source)) as children:
        found |= {name: sorted(v) if type(v) is set else v for name, v in once(asked.seen).items()}
        found["torchs"] = [source._server._process.pid, type(source._server._process).__name__]
        left = once(asked.detached)
        once(asked.kills_its_parent)
        found["again"] = once(asked.seen)["product"]
end = time.monotonic() + 60
while os.path.exists(f"/proc/{left}/stat") and time.monotonic() < end:
    if open(f"/proc/{left}/stat").read().rpartition(")")[2].split()[0] in "ZX":
        break
    time.sleep(0.02)
else:
    left = None
found["left"] = left is not None and time.monotonic() > end
found["shadowed"] = os.path.exists("shadowed")
print(json.dumps(found))
"""


# Whoever began it may ignore the ends of its processes, and so does what it begins.
IGNORING = ["sh", "-c", "trap '' CHLD; exec \"$@\"", "sh"]


@pytest.mark.parametrize(
    "begun_by", [[], pytest.param(IGNORING, marks=pytest.mark.slow)], ids=["plainly", "ignoring"]
)
def test_a_fork_of_the_command_is_as_a_child_that_was_started_anew(
    begun_by: list[str], tmp_path: Path
) -> None:
    (tmp_path / "asked.py").write_text(ASKED)
    (tmp_path / "command.py").write_text(COMMAND)
    # Which the process that forks imports, beside the command as it lies.
    (tmp_path / "html.py").write_text("open('shadowed', 'w')\nraise SystemExit('not this one')\n")
    environment = {n: v for n, v in os.environ.items() if n != "OMP_WAIT_POLICY"}
    done = subprocess.run(
        [*begun_by, sys.executable, "command.py", "one", "two"],
        cwd=tmp_path,
        env=environment,
        input="what nobody reads",
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.returncode, done.stderr
    assert not done.stderr
    found = json.loads(done.stdout)
    assert found.pop("torchs")[1] == "_Fork"
    assert found == {
        "own": None,  # the command's environment is as it was
        "arguments": ["one", "two"],
        "dirty": [0x7F],
        "set": {"MALLOC_PERTURB_": "128", "OMP_WAIT_POLICY": "passive"},
        "alone": True,
        "said": "",
        "argv": 2,
        "open": False,  # what the command had open
        "product": 700.0,
        "again": 700.0,
        "shadowed": False,
        "left": False,  # whatever a target that killed the process that forks had started
    }


def test_it_does_not_begin_anew_twice_nor_within_another_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "execve", lambda *_: pytest.fail("began anew"))
    for name in (anew.BEFORE, descent.MARK):
        with monkeypatch.context() as patched:
            patched.setenv(name, "{}")
            anew.begin_anew()


def test_where_it_cannot_begin_anew_it_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []

    def refused(_: str, arguments: list[str], __: dict[str, str]) -> None:
        asked.append(arguments)
        raise OSError("no")

    monkeypatch.delenv(descent.MARK, raising=False)
    monkeypatch.setattr(os, "execve", refused)
    anew.begin_anew()
    assert asked == [[sys.executable, *sys.orig_argv[1:]]]


@pytest.fixture
def heard() -> Iterator[None]:
    """Interrupts raise, as they do in a command; a job in the background ignores them."""
    usual = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, usual)


@pytest.mark.usefixtures("heard")
def test_an_interrupt_while_python_begins_anew_is_heard_after_that(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    held: list[bool] = []

    def refused(*_: object) -> None:
        signal.raise_signal(signal.SIGINT)
        held.append(signal.SIGINT in signal.sigpending())
        raise OSError("no")

    monkeypatch.delenv(descent.MARK, raising=False)
    monkeypatch.setattr(os, "execve", refused)
    with pytest.raises(KeyboardInterrupt):
        anew.begin_anew()
    assert held == [True]
    monkeypatch.setenv(anew.BEFORE, "{}")  # as in the process that it is then
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    signal.raise_signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        anew.begun_anew()


def test_a_process_that_did_not_begin_anew_shares_where_runs_follow_one_another() -> None:
    alone, several = anew.Shared(), anew.Shared(lasts=True)
    assert alone.processes(["no.such.module"], full_run=False) is None
    source = several.processes(["no.such.module"], full_run=False)
    assert source is not None
    assert several.processes([], full_run=False) is source
    several.close()
    several.close()


def test_where_an_import_begins_a_thread_nothing_is_forked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "begins_a_thread.py").write_text(
        "import threading\nover = threading.Event()\nthreading.Thread(target=over.wait).start()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(os, "fork", lambda: pytest.fail("forked"))
    monkeypatch.setattr(threading, "active_count", lambda: 1 + ("begins_a_thread" in sys.modules))
    monkeypatch.setenv(anew.BEFORE, "{}")
    monkeypatch.setenv(descent.MARK, "its mark")
    assert anew.Shared().processes(["begins_a_thread"], full_run=False) is None
    sys.modules.pop("begins_a_thread").over.set()


def test_what_asks_a_process_to_end_is_heard_by_the_command_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """At the moment of the fork: the command hears of it when the fork is there."""
    seen: list[bool] = []

    def forked() -> int:
        signal.raise_signal(signal.SIGINT)
        seen.append(signal.SIGINT in signal.sigpending())
        return 4_000_000  # of no process

    monkeypatch.setattr(os, "fork", forked)
    monkeypatch.setenv(anew.BEFORE, "{}")
    monkeypatch.setenv(descent.MARK, "its mark")
    monkeypatch.setattr(threading, "active_count", lambda: 1)
    # In the background of a shell it would be ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with pytest.raises(KeyboardInterrupt):
        anew.Shared().processes([], full_run=False)
    signal.signal(signal.SIGINT, before)
    assert seen == [True]
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
