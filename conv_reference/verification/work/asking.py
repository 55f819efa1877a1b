"""One thing after another sent to one child: what ends it, or takes too long, costs that alone.

No target is described and nothing is planned, unlike with ``Children``. What is sent reports
where it is (``about_to``), and how long that may take; so its sender knows what did not return.
"""

from __future__ import annotations

import selectors
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from conv_reference.verification.model.judgement import Crash
from conv_reference.verification.work import descent
from conv_reference.verification.work.child import GARBLED, Child, Piece
from conv_reference.verification.work.identity import child_path
from conv_reference.verification.work.messages import NO_TARGET, Described, Results, Start, Work
from conv_reference.verification.work.processes import Processes

_START_LIMIT = 120.0  # seconds to import torch
_COMPILING = 60.0  # seconds for which another program, a compiler, may be waited for
_LEAST_WORK = 0.1  # of the time that such a program works, where it is waited for
_POLL = 0.05  # seconds
STARTING = ""  # where a child is that has not reported where it is


@dataclass
class Asking:
    """One child, and another where that is lost.

    Args:
        source: what they are started from; the caller's to close.
        limit: seconds that may be spent at one place, by what it is called.
        waits: called now and then with the place, and the seconds for which it has been there.
    """

    source: Processes
    limit: Callable[[str], float]
    waits: Callable[[str, float], None] = lambda _, __: None
    _child: Child | None = field(default=None)

    def ask(self, function: Callable[[Any, Any, Any], Any], item: Any, argument: Any) -> Any:
        """What the function makes of it there: its result, ``Broken``, or a ``Crash``.

        A process that ends is begun anew, and given the item once more, where it had answered
        before: what ended it may be an earlier item.

        Args:
            function: called as ``function(target, item, argument)``, by its name; the target is
                none but for its ``about_to``.
            item: what is sent.
            argument: the same for several.
        """
        had_answered = self._child is not None
        answer = self._once(function, item, argument)
        if isinstance(answer, Crash) and had_answered and not answer.hung:
            return self._once(function, item, argument)
        return answer

    def close(self) -> None:
        """End the child, and what it started."""
        if self._child is not None:
            self._child.stop()
            self._child = None

    def _once(self, function: Callable[[Any, Any, Any], Any], item: Any, argument: Any) -> Any:
        if self._child is None:
            self._child = Child(
                Start(NO_TARGET, child_path(), full_run=False, bare=True), self.source
            )
            started = self._next(self._child, lambda _: _START_LIMIT)
            if not isinstance(started, Described):
                return self._lost(started)
        self._child.assign(Piece((0,), (item,)), Work(function, (item,), argument))
        answer = self._next(self._child, self.limit)
        if isinstance(answer, Results) and len(answer.results) == 1:
            return answer.results[0]
        return self._lost(answer)

    def _lost(self, answer: Any) -> Crash:
        self.close()
        return answer if isinstance(answer, Crash) else Crash(GARBLED)

    def _next(self, child: Child, limit: Callable[[str], float]) -> Any:
        """The child's next message, or how it was lost."""
        place, since = STARTING, time.monotonic()
        while True:
            with selectors.DefaultSelector() as selector:
                write = selectors.EVENT_WRITE if child.channel.has_unsent else 0
                selector.register(child.channel, selectors.EVENT_READ | write)
                selector.select(_POLL)
            child.channel.flush()
            is_over = child.look()
            messages, broken = child.receive()
            if messages:
                return messages[0]
            gone = child.gone(broken, is_over=is_over)
            if gone is None and child.is_late(limit(place)):
                gone = Crash(f"did not return in {limit(place):g} s", hung=True)
            if gone is not None:
                return replace(gone, asked=child.asked)
            if child.asked != place:
                place, since = child.asked, time.monotonic()
                child.begins()
            waited = time.monotonic() - since
            self.waits(place, waited)
            if child.waited > limit(place) / 2 and _compiles(child, waited):
                child.begins()


def _compiles(child: Child, waited: float) -> bool:
    """Whether another program works for it, which is waited for."""
    worked = descent.worked_by_others(child.process.pid)
    return waited < _COMPILING and worked > _LEAST_WORK * waited
