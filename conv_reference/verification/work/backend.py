"""Where pieces of work run: what each such place can do, and what it hands back."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence, Set
from typing import Any, Protocol

from conv_reference.verification.model.judgement import Crash
from conv_reference.verification.model.notes import Note
from conv_reference.verification.work.messages import Broken, Target
from conv_reference.verification.work.pace import Size

Item = Any
Result = Any


class Backend(Protocol):
    """Where pieces of work run.

    A unit of work is a function, importable by its name, with an item and an argument that are
    the target's business; its result is data. Nothing here knows what they are about.
    """

    @property
    def isolates(self) -> bool:
        """Whether a crash costs a unit of work, and no more."""

    @property
    def is_here(self) -> bool:
        """Whether the target is called in the caller's own process."""

    @property
    def notes(self) -> Sequence[Note]:
        """What a reader of the results must know besides: what was not reached, and why."""

    @property
    def ran(self) -> Set[tuple[str, int]]:
        """Lines of the target's own Python that ran there, by file and number."""

    @property
    def processes(self) -> tuple[int, ...]:
        """The numbers of those that run on this machine."""

    def describe(self, told: Callable[[str], None] = lambda _: None) -> Target:
        """The target; where it runs elsewhere, without what can be called.

        Args:
            told: called now and then with what it is at, where that is known: see ``CALLED``.
        """

    def run(
        self,
        function: Callable[[Target, Any, Any], Any],
        items: Sequence[Item],
        argument: Any,
        *,
        deadline: float | None = None,
        weigh: Callable[[Item], Size] | None = None,
    ) -> Generator[tuple[int, Result | Crash | Broken], None, None]:
        """Results by their item's number, in the order in which they come.

        An item that was not reached has none. Of two results of one item the later counts.

        Args:
            function: called as ``function(target, item, argument)``; importable.
            items: what it is called with; picklable.
            argument: the same for all.
            deadline: of ``time.monotonic``, after which no further item is begun.
            weigh: the size of an item, from which follows how long it may take.
        """

    def another(self) -> Backend | None:
        """A place that knows nothing of what was done here; None where there is none."""

    def under(self, environment: Mapping[str, str]) -> Backend | None:
        """A place whose processes have this in their environment; None where there is none."""

    def unmarked(self) -> Backend | None:
        """A process with nothing of the engine's but what calls the target; None: there is none."""

    def close(self) -> None:
        """End what was started."""
