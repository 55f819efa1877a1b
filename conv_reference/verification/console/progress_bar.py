"""How far a run is, on standard error: a bar on a terminal, a line every ten seconds in a log."""

from __future__ import annotations

import math
import sys
import threading
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
)
from rich.text import Text

from conv_reference.verification.report.plain import counted

INTERVAL = 10.0  # seconds between two lines in a log
_FIRST = 3.0  # seconds to the first of them
_UPDATES = 2  # of a bar, in a second: each is some 300 bytes
STARTING = "starting: the target is imported"
GATHERING = "gathering what was seen"


@dataclass
class Status:
    """Where a run is; ``verify`` calls it with the cases judged and planned."""

    update: Callable[[Status], None] = lambda _: None
    run: str = ""  # of several, which
    stage: str = STARTING  # what is done before the first case, or after the last
    done: int = 0
    total: int = 0
    begun: float = 0.0  # when the first case was judged
    planned: Callable[[int], None] = lambda _: None
    thing: str = "case"  # what is counted
    say: Callable[[str], None] = lambda _: None  # a line, at once
    hears: bool = True  # whether what is wrong is reported before the report
    deadline: float | None = None  # of ``time.monotonic``, when what is done now ends at the latest
    _came: list[tuple[int, float]] = field(default_factory=list)  # how many were done, and when

    def hear(self, said: str) -> None:
        """Say what is known before the report, in one line."""
        if self.hears:
            self.say(f"conv-reference: {said}")

    def at(self, stage: str) -> None:
        """Take note of what is done while no case is judged, in words."""
        self.stage = stage
        self.update(self)

    def until(self, deadline: float | None) -> None:
        """Take note of when what is done from now on ends at the latest; None where nobody says."""
        self.deadline = deadline
        self.update(self)

    def __call__(self, done: int, total: int) -> None:
        """Take note of how many cases are judged, of how many; of none when they are planned."""
        if not done:
            self.planned(total)
        if done <= 1 or not self.begun:
            self.begun = time.monotonic()
            self._came.clear()
        self.done, self.total = done, total
        self.stage = GATHERING if done >= total else self.stage
        self._came.append((done, time.monotonic()))
        self.update(self)

    def begin(self, run: str) -> None:
        """Another run of the same command begins, of this name."""
        self.run, self.done, self.total, self.begun, self.deadline = run, 0, 0, 0.0, None
        self.stage = STARTING
        self.update(self)

    @property
    def phase(self) -> str:
        """What is being done."""
        phase = f"judging {self.thing}s" if self.done < self.total else self.stage
        return f"{self.run}: {phase}" if self.run else phase

    @property
    def seconds_left(self) -> float | None:
        """At the pace so far, or that of late, but no longer than the clock lets it go on.

        None: nobody knows.
        """
        left = min(self._at_this_pace(), self._by_the_clock())
        return None if left == math.inf else left

    def _at_this_pace(self) -> float:
        now = time.monotonic()
        taken, others = now - self.begun, self.total - self.done
        if not 1 < self.done < self.total or taken <= 0:
            return math.inf
        # The largest come last: those to come take at least what as many took just now.
        before = bisect_right(self._came, self.done - others, key=lambda each: each[0])
        return max(taken / self.done * others, now - self._came[before - 1][1])

    def _by_the_clock(self) -> float:
        return math.inf if self.deadline is None else max(0.0, self.deadline - time.monotonic())

    @property
    def left(self) -> str:
        """The time left, in words; empty where nobody knows."""
        seconds = self.seconds_left
        if seconds is None:
            return ""
        if self.total <= self.done:  # it ends as soon as nothing is left to be asked
            return f"at most {_seconds(seconds)} left"
        if self._at_this_pace() == math.inf:  # the clock alone says nothing of a run that is short
            return ""
        if self._by_the_clock() < self._at_this_pace():  # the clock may be put off
            return f"at least {_seconds(seconds)} left" if seconds >= 1 else ""
        return f"about {_seconds(seconds)} left"

    def __str__(self) -> str:
        counted = f"{self.done:,} of {self.total:,}" if 0 < self.done < self.total else ""
        return ", ".join(filter(None, (self.phase, counted, self.left)))


@contextmanager
def shown(
    *, quiet: bool = False, interval: float = INTERVAL, thing: str = "case"
) -> Iterator[Status]:
    """A status that is shown until the block ends.

    Args:
        quiet: whether nothing is shown.
        interval: seconds between two lines where standard error is no terminal.
        thing: what is counted, one of it.
    """
    console = Console(stderr=True)
    if quiet:
        yield Status(thing=thing)
    elif console.is_terminal and not console.is_dumb_terminal:
        with _bar(console, thing) as status:
            yield status
    else:
        with _lines(interval, thing) as status:
            yield status


@contextmanager
def _bar(console: Console, thing: str) -> Iterator[Status]:
    status = Status(thing=thing)
    counted = Counted(MofNCompleteColumn())
    columns = (TextColumn("{task.description}"), BarColumn(), counted, _Left(status))
    bars = Progress(*columns, console=console, transient=True, refresh_per_second=_UPDATES)
    with bars as bar:
        task = bar.add_task(STARTING, total=None)

        def update(status: Status) -> None:
            total = status.total or None
            bar.update(task, description=status.phase, completed=status.done, total=total)

        def say(line: str) -> None:
            bar.console.print(line, markup=False, highlight=False, soft_wrap=True)

        status.update, status.say = update, say
        yield status


class _Left(ProgressColumn):
    """The time left, as a log has it."""

    def __init__(self, status: Status) -> None:
        super().__init__()
        self._status = status

    def render(self, task: Task) -> RenderableType:  # noqa: ARG002 (the status knows more)
        """The words."""
        return Text(self._status.left)


class Counted(ProgressColumn):
    """A column that is empty while nobody knows how many cases there are."""

    def __init__(self, column: ProgressColumn) -> None:
        super().__init__()
        self.column = column

    def render(self, task: Task) -> RenderableType:
        """The column, once there is a number of cases."""
        return "" if task.total is None else self.column(task)


@contextmanager
def _lines(interval: float, thing: str) -> Iterator[Status]:
    def say(line: str) -> None:
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()

    def planned(total: int) -> None:
        say(f"conv-reference: {counted(total, thing)} {'is' if total == 1 else 'are'} planned")

    status, ended = Status(planned=planned, thing=thing, say=say), threading.Event()

    def tell() -> None:
        seconds = min(_FIRST, interval)
        while not ended.wait(seconds):
            say(f"conv-reference: {status}")
            seconds = interval

    thread = threading.Thread(target=tell, daemon=True)
    thread.start()
    try:
        yield status
    finally:
        ended.set()
        thread.join()


def _seconds(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
