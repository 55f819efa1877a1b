"""Whether it is decided early: a target that ends its process whatever it is asked.

Each crash costs a process or two, and hundreds of them show no more than some from everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from conv_reference.verification.known.known import Defect
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.judgement import Crash

FEW = 8  # cases: the first of a run
EVERYWHERE = 24  # about as many are put where all of these crash alike
Results = Generator[tuple[int, Any], None, None]  # of cases, by their numbers


@dataclass
class Deciding:
    """The results of cases, as long as they are needed.

    The first cases are alike, and may be so in what they crash for. So where all of a few crash,
    some from everywhere are put; where these do so, too, no other is.
    """

    cases: Sequence[Case]
    put: Callable[[Sequence[int]], Results]  # puts those of some numbers
    known: Sequence[Defect] = ()  # whose crashes are nothing that the target itself does
    said: str = ""  # why the others were not put; empty where all were
    _crashed: dict[int, Crash] = field(default_factory=dict)

    def results(self) -> Results:
        """By their cases' numbers, in the order in which they come."""
        if not (yield from self._of_the_first()):
            return
        left = range(FEW, len(self.cases))
        spread = left[:: math.ceil(len(left) / EVERYWHERE)]
        reached = 0
        for number, result in self.put(spread):
            reached += self._is_alike(number, result)
            yield number, result
        rest = [number for number in left if number not in spread]
        if reached == len(spread):
            self.said = self._why(len(rest)) if rest else ""
        else:
            yield from self.put(rest)

    def _of_the_first(self) -> Generator[tuple[int, Any], None, bool]:
        """Results, until all of the first few are there, and crashes alike: whether that is so.

        What came of others by then is left out, for that depends on chance; they are put again.
        """
        came: list[tuple[int, Any]] = []
        with closing(self.put(range(len(self.cases)))) as answers:
            for number, result in answers:
                came.append((number, result))
                if number < FEW and not self._is_alike(number, result):
                    yield from came
                    yield from answers
                    return False
                if len(self._crashed) == FEW < len(self.cases):
                    yield from self._crashed.items()
                    return True
        yield from came
        return False

    def _is_alike(self, number: int, result: Any) -> bool:
        """Whether it is a crash of the target's own, as those before it were."""
        case = self.cases[number]
        if not isinstance(result, Crash) or any(defect.concerns(case) for defect in self.known):
            return False
        first = next(iter(self._crashed.values()), result)
        self._crashed[number] = result
        # How long a hang was waited for differs.
        return (result.hung and first.hung) or result.how == first.how

    def _why(self, left: int) -> str:
        first = next(iter(self._crashed.values()))
        how = "did not return in time" if first.hung else f"ended its process ({first.how})"
        return (
            f"not asked: {left:,} further cases, for each of {len(self._crashed)}, the first and "
            f"others from everywhere, {how}"
        )
