"""The clock of a run: what of the time counts."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from torch.nn.functional import conv2d

from conv_reference.verification import verify
from conv_reference.verification.execution import Settings
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.notes import Note, NoteKind
from conv_reference.verification.plan.request import Request
from conv_reference.verification.running import judging_cases
from conv_reference.verification.running.judging_cases import Clock
from conv_reference.verification.running.progress import Counted
from conv_reference.verification.target.conventions import as_target
from conv_reference.verification.target.target import Target
from conv_reference.verification.work import descent
from conv_reference.verification.work.here import Here

HERE = Here(as_target(conv2d))
REQUEST = Request(dtypes=(), seed=0)


@pytest.fixture
def busy(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that this process has waited for a processor, and the time of the clock."""
    found = [5.0, 100.0]
    monkeypatch.setattr(descent, "delayed", lambda _: found[0])
    monkeypatch.setattr("time.monotonic", lambda: found[1])
    return found


def test_what_others_had_of_the_processor_does_not_count(busy: list[float]) -> None:
    clock = Clock(HERE, 10.0, strict=False, begun=100.0)
    assert clock.deadline == 110.0

    busy[:] = 5.0 + 7.0, 110.5
    assert clock.is_over
    assert clock.put_off()
    assert clock.deadline == 117.0

    busy[:] = 5.0 + 7.2, 117.1  # it had all of the processor since
    assert clock.is_over
    assert not clock.put_off()


def test_nobody_is_waited_for_without_end(busy: list[float]) -> None:
    clock = Clock(HERE, 10.0, strict=False, begun=100.0)
    busy[:] = 1000.0, 139.0
    assert clock.put_off()
    assert clock.deadline == 140.0
    busy[1] = 140.1
    assert not clock.put_off()


def test_the_limit_is_told_and_that_it_is_put_off_by_its_own_length_at_most(
    busy: list[float],
) -> None:
    told = []

    class Told(Counted):
        def until(self, deadline: float | None) -> None:
            told.append(deadline)

    clock = Clock(HERE, 100.0, strict=False, progress=Told(), begun=100.0)
    busy[:] = 1000.0, 201.0
    assert clock.put_off()
    busy[:] = 2000.0, 301.0
    assert not clock.put_off()
    assert told == [200.0, 300.0, 300.0]


def test_a_limit_that_was_given_is_kept(busy: list[float]) -> None:
    clock = Clock(HERE, 10.0, strict=True, begun=100.0)
    busy[:] = 1000.0, 110.1
    assert not clock.put_off()
    assert clock.deadline == 110.0


@pytest.mark.parametrize(("share", "deadline"), [(0.4, 130.0), (0.0, 130.0), (0.2, 110.0)])
def test_who_comes_to_an_end_in_three_times_the_budget_has_that_time(
    busy: list[float], share: float, deadline: float
) -> None:
    """And where nothing came yet nobody knows; a slow target is cut, as it would be in the end."""
    clock = Clock(HERE, 10.0, strict=False, most=30.0, begun=100.0)
    clock.share = share
    busy[1] = 110.1
    assert clock.put_off() is (deadline > 110.0)
    assert clock.deadline == deadline


@pytest.mark.parametrize(
    ("budget", "cases", "limit", "strict"),
    [
        (None, None, None, False),
        (5.0, None, None, False),
        (5.0, 100, None, True),
        (5.0, None, "h<=2", True),
    ],
)
def test_a_limit_is_strict_where_it_was_given_as_one(
    budget: float | None, cases: int | None, limit: str | None, strict: bool
) -> None:
    asked = replace(REQUEST, budget=budget, cases=cases, limit=limit)
    assert asked.is_strict_limit is strict


def test_what_is_held_back_of_the_first_cases_has_come(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the limit is put off as though nothing had: a target that hangs took three times it."""
    made: list[Clock] = []
    shares: list[float] = []

    class Seen(Clock):
        def __post_init__(self) -> None:
            super().__post_init__()
            made.append(self)

    class Backend:
        processes, notes = (), ()

        def run(self, _: object, items: list[Case], *__: object, **___: object) -> object:
            for number in (10, 0, *range(1, 10), *range(11, len(items))):
                yield number, ()
                shares.append(made[0].share)

    cases = tuple(Case.parse(f"certificate float32 h{h} w1 k1") for h in range(1, 21))
    plan: Any = SimpleNamespace(planned=20, rounds=lambda: iter([cases]))
    monkeypatch.setattr(judging_cases, "Clock", Seen)
    backend: Any = Backend()
    settings = Settings(seed=1, device="cpu")
    found = judging_cases.judged(plan, REQUEST, backend, settings, progress=Counted())
    assert shares[0] == 1 / 20  # of a case that is not among the first few, which are waited for
    assert shares[-1] == 1.0
    assert len(found.results) == 20


def test_what_is_left_out_as_too_slow_is_not_laid_to_the_clock() -> None:
    """Three large cases of a loop in Python: it was said that the clock had cut the run."""

    class Backend:
        processes = ()
        notes: tuple[Note, ...] = (Note(NoteKind.TOO_SLOW, "2 of what is learned", number=2),)

        def run(self, _: object, items: list[Case], *__: object, **___: object) -> object:
            yield from ((number, ()) for number in range(len(items) - 3))
            self.notes = (Note(NoteKind.TOO_SLOW, "5 in all", number=5),)

    cases = tuple(Case.parse(f"certificate float32 h{h} w1 k1") for h in range(1, 21))
    plan: Any = SimpleNamespace(planned=20, rounds=lambda: iter([cases]))
    backend: Any = Backend()
    settings = Settings(seed=1, device="cpu")
    found = judging_cases.judged(plan, REQUEST, backend, settings, progress=Counted())
    assert (len(found.unreached), found.too_slow, found.why) == (3, 3, "")


def test_what_is_put_off_is_judged_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time is up before the first case, and given back."""
    cases = [object(), object(), object()]
    asked: list[list[object]] = []

    def answers(left: list[object], *_: object) -> object:
        asked.append(left)
        yield from ((0, "done"),)[: len(asked) // 2]

    monkeypatch.setattr(judging_cases, "_answers", answers)
    clock = Clock(HERE, 0.0, strict=False)
    given_back = iter([True, True, False])
    monkeypatch.setattr(Clock, "put_off", lambda _: next(given_back))
    found = list(judging_cases.in_time(cases, HERE, None, clock, None, print))  # type: ignore[arg-type]  # stand-ins
    assert found == [(0, "done"), (1, "done")]
    assert asked == [cases, cases, cases[1:]]


def test_how_long_a_process_waited_is_known_where_the_system_counts_it() -> None:
    def counted() -> float:
        """What the system says itself; some have the file, and count nothing."""
        file = Path("/proc/self/schedstat")
        return int(file.read_text().split()[1]) / 1e9 if file.exists() else 0.0

    before = counted()
    assert before <= descent.delayed(os.getpid()) <= counted()
    assert descent.delayed(2**30) == 0


def test_the_clock_begins_when_the_target_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long it is imported: on a busy machine nothing was judged."""
    late, real = [0.0], time.monotonic
    described = Here.describe

    def after_a_while(here: Here, told: Any) -> Target:
        late[0] += 1_000.0
        return described(here, told)

    def begun_now(backend: Any, limit: float | None, **others: Any) -> Clock:
        return Clock(backend, limit, begun=time.monotonic(), **others)

    monkeypatch.setattr("time.monotonic", lambda: real() + late[0])
    monkeypatch.setattr(judging_cases, "Clock", begun_now)
    monkeypatch.setattr(Here, "describe", after_a_while)
    report = verify(conv2d, dtypes="float64", checks="grad_bias", cases=8, budget=500.0, seed=0)

    assert late[0] >= 1_000.0
    assert 0 < report.judged == report.planned
