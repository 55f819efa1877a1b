"""Work in this process: for functions that cannot be imported, and for debuggers."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from conv_reference.verification.model.notes import Note
from conv_reference.verification.target.lines import watched
from conv_reference.verification.work.backend import Item, Result
from conv_reference.verification.work.messages import Target, attempt
from conv_reference.verification.work.pace import Size


@dataclass
class Here:
    """A ``Backend`` in which a crash is everybody's."""

    target: Target
    isolates: bool = False
    is_here: bool = True
    notes: Sequence[Note] = ()
    ran: set[tuple[str, int]] = field(default_factory=set)

    @property
    def processes(self) -> tuple[int, ...]:
        """This one."""
        return (os.getpid(),)

    def describe(self, told: Callable[[str], None] = lambda _: None) -> Target:  # noqa: ARG002 (of the protocol)
        """The target itself."""
        return self.target

    def run(
        self,
        function: Callable[[Target, Any, Any], Any],
        items: Sequence[Item],
        argument: Any,
        *,
        deadline: float | None = None,
        weigh: Callable[[Item], Size] | None = None,  # noqa: ARG002 (of the protocol)
    ) -> Generator[tuple[int, Result], None, None]:
        """See ``Backend.run``; results come in order."""
        for number, item in enumerate(items):
            if deadline is not None and time.monotonic() > deadline:
                return
            with watched(self.target.written) as watch:
                result = attempt(function, self.target, item, argument)
            self.ran.update(watch.fresh())
            yield number, result

    def another(self) -> None:
        """There is but this process."""

    def under(self, environment: Mapping[str, str]) -> None:
        """There is but this process, which may have read its environment."""

    def unmarked(self) -> None:
        """There is but this process."""

    def close(self) -> None:
        """Nothing to end."""
