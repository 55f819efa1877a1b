"""How long a stage of a run may take at most: for a progress that takes it."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class Timed(Protocol):
    """A progress that takes more than numbers."""

    def until(self, deadline: float | None) -> None:
        """Take when the stage that begins ends, of ``time.monotonic``; None where it may go on."""


def tell(progress: object, deadline: float | None) -> None:
    """Hand it on, to a progress that takes it.

    Args:
        progress: of a run, or None.
        deadline: of the stage.
    """
    if isinstance(progress, Timed):
        progress.until(deadline)
