"""The first case that a run finds wrong, reported as soon as it is known."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from typing import Any

from conv_reference.verification.known.known import Defect
from conv_reference.verification.model.case import Case, dtype_name
from conv_reference.verification.model.judgement import Crash, Judgement
from conv_reference.verification.model.printable import MOST_SHOWN, one_line
from conv_reference.verification.model.result import FAILURES, TIMED_OUT, Verdict
from conv_reference.verification.running.progress import Progress

_LEFT = "the rest is judged first"


@dataclass
class First:
    """What is reported of a run before its end: one line, of the first case that is wrong."""

    progress: Progress  # which gets the line
    rows: Set[str]  # that were requested
    defects: Sequence[Defect]  # what lies where one was seen may be that, and is not reported
    _is_reported: bool = field(default=False, init=False)

    def __call__(self, case: Case, result: Any) -> None:
        """Take the result of a case.

        Args:
            case: that was judged.
            result: a tuple of its judgements, a ``Crash``, or what the engine failed with.
        """
        if self._is_reported:
            return
        said = self._said(case, result)
        if said and not any(defect.concerns(case) for defect in self.defects):
            self._is_reported = True
            self.progress.hear(said)

    def _said(self, case: Case, result: Any) -> str:
        if isinstance(result, Crash):
            word = TIMED_OUT if result.hung else Verdict.CRASHED.value
            return _line(word, "", case, result.how)
        for judgement in result if isinstance(result, tuple) else ():
            if judgement.verdict in FAILURES and judgement.check in self.rows:
                return _line(
                    judgement.verdict, judgement.quantity, judgement.case or case, _what(judgement)
                )
        return ""


def _what(judgement: Judgement) -> str:
    return judgement.explanation if judgement.thrown is None else judgement.thrown.said


def _line(verdict: str, quantity: str, case: Case, what: str) -> str:
    """``wrong so far: Y in float32 on n1 c1 h1 w2 o1 k1x1 s1 p0 d1 g1: ...``."""
    where = f"in {dtype_name(case.dtype)} on {case.geometry}"
    named = f"{quantity} {where}" if quantity else where
    return f"{verdict} so far: {named}: {one_line(what[:MOST_SHOWN])}; {_LEFT}"
