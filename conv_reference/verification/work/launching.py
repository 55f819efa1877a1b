"""The start of child processes on one target: from what, and after how many failures no more."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field

from conv_reference.verification.work.child import Child
from conv_reference.verification.work.identity import child_path
from conv_reference.verification.work.messages import Start
from conv_reference.verification.work.processes import Processes, cheapest

MOST_STARTS = 3  # in a row that fail, after which no further process is started


@dataclass(frozen=True)
class Setup:
    """In what a target's children run, all alike."""

    forks: bool = True  # no process may be forked from one that holds a GPU's libraries
    bare: bool = False  # whether they import nothing that the target does not import
    python: str | None = None  # another interpreter that runs them
    environment: tuple[tuple[str, str], ...] = ()  # what is set in theirs
    search: float = math.inf  # seconds of each for how the target is called


@dataclass
class Launcher:
    """Starts children on one target, one after another."""

    target: str
    setup: Setup = field(default_factory=Setup)
    source: Processes | None = None  # of others, that is theirs to close
    ahead: bool = True  # whether their own source imports every check before it forks
    failed: int = 0  # starts, in a row
    _failed_at: float = -math.inf  # when the last did
    _own: Processes | None = None

    @property
    def has_given_up(self) -> bool:
        """Whether no further process is started."""
        return self.failed >= MOST_STARTS

    def child(self, *, full_run: bool, only_describe: bool = False) -> Child:
        """A new process.

        Raises:
            OSError: when the system starts none.
        """
        setup = self.setup
        path = child_path(other=setup.python is not None)
        start = Start(
            self.target,
            path,
            full_run,
            only_describe,
            setup.bare,
            setup.environment,
            setup.search,
        )
        return Child(start, self.processes())

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
        if self.source is not None:
            return self.source
        if self._own is None:
            self._own = cheapest(self.setup.python, forks=self.setup.forks, full_run=self.ahead)
        return self._own

    def close(self) -> None:
        """Let go of what is its own."""
        if self._own is not None:
            self._own.close()
            self._own = None
