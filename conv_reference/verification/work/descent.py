"""Processes as the system lists them: their state, who descends from whom, and how all are ended.

On Linux alone; elsewhere nothing is listed, and a process ends with its group.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MARK = "CONV_REFERENCE_RUN"  # in the environment of all that descends from a run
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h
_ROUNDS = 10  # of ending what was started meanwhile


@dataclass(frozen=True)
class Seen:
    """A process at a moment."""

    parent: int
    state: str  # a letter: R running, S asleep, T stopped, Z ended and not yet waited for
    worked: float  # seconds of processor time, of all threads and of children that have ended

    @property
    def has_ended(self) -> bool:
        """Whether nothing but its status is left."""
        return self.state in "ZX"

    @property
    def is_stopped(self) -> bool:
        """Whether a signal stopped it."""
        return self.state == "T"


def seen(number: int) -> Seen | None:
    """A process by its number; None where there is none, or the system does not report it."""
    try:
        stat = Path(f"/proc/{number}/stat").read_bytes()
    except OSError:
        return None
    fields = stat.rpartition(b")")[2].split()  # what is before may hold blanks
    ticks = sum(int(field) for field in fields[11:15])
    return Seen(int(fields[1]), fields[0].decode(), ticks / os.sysconf("SC_CLK_TCK"))


def delayed(number: int) -> float:
    """Seconds for which a process was ready to run and had no processor; 0 where unknown."""
    try:
        return int(Path(f"/proc/{number}/schedstat").read_bytes().split()[1]) / 1e9
    except (OSError, IndexError, ValueError):
        return 0.0


def descendants(number: int) -> dict[int, Seen]:
    """All that descend from a process and run."""
    listed = dict(_all())
    found: dict[int, Seen] = {}
    parents = {number}
    while parents:
        parents = {child for child, s in listed.items() if s.parent in parents} - found.keys()
        found |= {child: listed[child] for child in parents}
    return {child: s for child, s in found.items() if not s.has_ended}


def worked_by_others(number: int) -> float:
    """Seconds of processor time of those below a process that run another program than it."""
    own = _program(number)
    found = descendants(number).items()
    return sum(s.worked for child, s in found if _program(child) not in {own, None})


def _program(number: int) -> str | None:
    with contextlib.suppress(OSError):
        return os.readlink(f"/proc/{number}/exe")  # noqa: PTH115 (it may be deleted by now)
    return None


def children(number: int) -> list[int]:
    """Those whose parent a process is, that run."""
    return [child for child, s in _all() if s.parent == number and not s.has_ended]


def end_descendants(number: int) -> None:
    """End all that descend from a process, however they have detached themselves.

    It is to adopt them (see ``adopt``), so that none is out of its reach.
    """
    for _ in range(_ROUNDS):
        found = descendants(number)
        for child in found:
            end(child)
        if not found:
            return
        time.sleep(0.005)


def end_marked(mark: str) -> None:
    """End what a run has started and nobody adopted: its environment shows which.

    A program that is just being loaded has none yet, and is looked at again.
    """
    entry = f"{MARK}={mark}".encode()
    numbers = [number for number, _ in _all() if number != os.getpid()]
    for _ in range(_ROUNDS):
        loaded = {number: _environment(number) for number in numbers}
        for number, environment in loaded.items():
            if entry in environment:
                end(number)
        numbers = [number for number in numbers if not any(loaded[number]) and _program(number)]
        if not numbers:
            return
        time.sleep(0.005)


def _environment(number: int) -> list[bytes]:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{number}/environ").read_bytes().split(b"\0")
    return []


def end(number: int) -> None:
    """Kill one process; it may be gone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(number, signal.SIGKILL)


def adopt() -> None:
    """Have this process adopt what its descendants leave behind."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def end_with_parent(parent: int) -> None:
    """A process that is killed cannot end what hangs: the system does.

    Args:
        parent: its number; where this process has another by now, it ends at once.
    """
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _prctl(option: int, value: int) -> None:
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(option, value)


def _all() -> Iterator[tuple[int, Seen]]:
    with contextlib.suppress(OSError):
        for entry in os.listdir("/proc"):  # noqa: PTH208 (three times as fast)
            if entry.isdigit() and (found := seen(int(entry))) is not None:
                yield int(entry), found
