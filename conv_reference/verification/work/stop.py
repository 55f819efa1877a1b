"""An interrupt when there are results: what is known by then is kept, and no further case is put.

An interrupt that is raised wherever the code happens to be would cost all that was found. So the
first is noted, and raised only where the target is waited for; the second ends the run at once.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType


@dataclass
class Stop:
    """Whether the user wants an end."""

    wanted: bool = False
    _is_asking: bool = False
    _noted: int = 0

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Note the first interrupt in place of raising it, where it would be raised as usual.

        Whoever is asked to end by another signal, which the command takes for an interrupt, does
        the same.
        """
        here = threading.current_thread() is threading.main_thread()
        named = ("SIGINT", "SIGTERM", "SIGHUP") if here else ()
        known = [getattr(signal, name) for name in named if hasattr(signal, name)]
        usual = [n for n in known if signal.getsignal(n) is signal.default_int_handler]
        for number in usual:
            signal.signal(number, self._note)
        try:
            yield
        finally:
            for number in usual:
                signal.signal(number, signal.default_int_handler)

    @contextmanager
    def asking(self) -> Iterator[None]:
        """While the target is waited for: there the first interrupt ends the waiting."""
        already, self._is_asking = self.wanted, True
        try:
            yield
        except KeyboardInterrupt:
            if already or self._noted > 1:
                raise
            self.wanted = True
        finally:
            self._is_asking = False

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        is_second, self.wanted = self.wanted, True
        self._noted += 1
        if is_second or self._is_asking:
            raise KeyboardInterrupt
