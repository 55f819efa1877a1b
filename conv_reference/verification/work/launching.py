"""The start of child processes on one target: from what, and after how many failures no more."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from conv_reference.verification.work.child import Child
from conv_reference.verification.work.processes import Processes, Spawning, cheapest

MOST_STARTS = 3  # in a row that fail, after which no further process is started


@dataclass
class Launcher:
    """Starts them, one after another, all alike."""

    target: str
    source: Processes | None = None  # of others, that is theirs to close
    own: Processes | None = None  # in its place: closed with this
    quick: bool = False  # whether the run is over before all of it would be imported
    forks: bool = True  # no process may be forked from one that holds a GPU's libraries
    bare: bool = False  # whether they import nothing that the target does not import
    python: str | None = None  # another interpreter that runs them
    environment: tuple[tuple[str, str], ...] = ()  # what is set in theirs
    failed: int = 0  # starts, in a row
    _failed_at: float = -math.inf  # when the last did

    @property
    def has_given_up(self) -> bool:
        """Whether no further process is started."""
        return self.failed >= MOST_STARTS

    def child(self, *, full_run: bool, only_describe: bool = False) -> Child:
        """A new process.

        Raises:
            OSError: when the system starts none.
        """
        return Child(
            self.target,
            self.processes(),
            full_run=full_run,
            only_describe=only_describe,
            bare=self.bare,
            other=self.python is not None,
            environment=self.environment,
        )

    def has_failed(self, begun: float = math.inf) -> bool:
        """Count a start that failed; whether it counts.

        Args:
            begun: when it was. What had begun before the last failure ended with that.
        """
        if begun <= self._failed_at:
            return False
        self.failed += 1
        self._failed_at = time.monotonic()
        return True

    def has_succeeded(self) -> None:
        """A process came so far as to work: failures are counted anew."""
        self.failed = 0

    def processes(self) -> Processes:
        """What they are started from: made at the first call, where it is not another's."""
        if self.source is None and self.own is None:
            python = self.python
            unforked = Spawning(marked=False, python=python)
            self.own = cheapest(python, full_run=not self.quick) if self.forks else unforked
        source = self.source or self.own
        assert source is not None
        return source

    def close(self) -> None:
        """Let go of what is its own."""
        if self.own is not None:
            self.own.close()
            self.own = None
