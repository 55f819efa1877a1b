"""A target that ends its process whatever it is asked is not asked on and on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from conv_reference.verification.model.case import Case
from conv_reference.verification.model.judgement import Crash
from conv_reference.verification.running.deciding import EVERYWHERE, FEW, Deciding, Results

KILLED, ABORTED = Crash("killed by SIGKILL"), Crash("killed by SIGABRT")
CASES = [Case.parse(f"certificate float32 h1 w{w} k1") for w in range(1, 201)]


@dataclass
class Target:
    """What comes of a case, by its number."""

    answer: Callable[[int], Any]
    asked: list[int] = field(default_factory=list)

    def put(self, numbers: Sequence[int]) -> Results:
        for number in numbers:
            self.asked.append(number)
            yield number, self.answer(number)


def decided(answer: Callable[[int], Any], cases: Sequence[Case] = CASES) -> tuple[Any, Target, str]:
    target = Target(answer)
    deciding = Deciding(cases, target.put)
    return dict(deciding.results()), target, deciding.said


@pytest.mark.parametrize(
    ("crash", "how"),
    [
        (KILLED, "ended its process (killed by SIGKILL)"),
        (Crash("did not return within 20 s", hung=True), "did not return in time"),
    ],
)
def test_where_all_crash_some_from_everywhere_decide(crash: Crash, how: str) -> None:
    results, target, said = decided(lambda _: crash)
    assert len(target.asked) == len(results) <= FEW + EVERYWHERE
    assert max(results) > 190
    left = len(CASES) - len(results)
    assert said == (
        f"not asked: {left} further cases, for each of {len(results)}, the first and others from "
        f"everywhere, {how}"
    )


def test_how_long_a_hang_was_waited_for_makes_no_difference() -> None:
    def hung(number: int) -> Crash:
        return Crash(f"did not return within {3 if number else 20} s", hung=True)

    assert decided(hung)[2]


@pytest.mark.parametrize(
    "answer",
    [
        lambda _: "right",
        lambda number: KILLED if number >= FEW else "right",
        lambda number: KILLED if number < 20 else "right",  # the first ones, which are alike
        lambda number: "right" if number == FEW else KILLED,
        lambda number: ABORTED if number == 0 else KILLED,
        lambda number: ABORTED if number == FEW else KILLED,
    ],
    ids=["right", "later", "small ones", "all but one", "one otherwise", "one later otherwise"],
)
def test_a_crash_that_is_met_only_in_some_is_separated_from_the_others(
    answer: Callable[[int], Any],
) -> None:
    results, _, said = decided(answer)
    assert results == {number: answer(number) for number in range(len(CASES))}
    assert not said


def test_a_few_cases_are_all_put() -> None:
    results, target, said = decided(lambda _: KILLED, CASES[:FEW])
    assert len(results) == len(target.asked) == FEW
    assert not said
    results, target, said = decided(lambda _: KILLED, CASES[: FEW + 3])
    assert len(results) == FEW + 3
    assert not said


def test_what_others_came_to_meanwhile_does_not_depend_on_chance() -> None:
    """Of two processes the other one may be ahead: its results are not in the report."""

    class TwoAtOnce(Target):
        def put(self, numbers: Sequence[int]) -> Results:
            halves = zip(numbers[: len(numbers) // 2], numbers[len(numbers) // 2 :], strict=False)
            return super().put([number for pair in halves for number in pair])

    one, two = Target(lambda _: KILLED), TwoAtOnce(lambda _: KILLED)
    first, second = (dict(Deciding(CASES[:200], each.put).results()) for each in (one, two))
    assert first == second


def test_a_known_crash_decides_nothing() -> None:
    class Known:
        def concerns(self, _: Case) -> bool:
            return True

    target = Target(lambda _: KILLED)
    deciding = Deciding(CASES, target.put, known=[Known()])  # type: ignore[list-item]  # a stand-in
    assert len(dict(deciding.results())) == len(CASES)
    assert not deciding.said


def test_what_the_clock_cuts_is_not_decided() -> None:
    def cut(numbers: Sequence[int]) -> Results:
        yield from ((number, KILLED) for number in numbers[:5])

    deciding = Deciding(CASES, cut)
    assert len(dict(deciding.results())) == 5
    assert not deciding.said
