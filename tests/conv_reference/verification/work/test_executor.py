from __future__ import annotations

import os
import pickle
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import closing
from multiprocessing import get_context
from typing import Any

import pytest

from conv_reference.verification import verify
from conv_reference.verification.execution import Settings, judge_case
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.errors import TargetError
from conv_reference.verification.model.judgement import Crash
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.target.loading import load_target
from conv_reference.verification.work import executor as place
from conv_reference.verification.work.backend import Backend
from conv_reference.verification.work.executor import UNIT, OnExecutor, carry_out
from conv_reference.verification.work.here import Here

pytestmark = pytest.mark.usefixtures("without_circumstances")

CONV2D = "torch.nn.functional:conv2d"
SETTINGS = Settings(seed=0, device="cpu")
CASES = [Case.parse(f"certificate float32 h2 w{columns} k1x2") for columns in range(2, 40)]


class InOrder(Executor):
    """At once, and through pickle, as if somebody else did it."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.carry_out(future, pickle.dumps((fn, args)))
        return future

    def carry_out(self, future: Future[Any], sent: bytes) -> None:
        function, args = pickle.loads(sent)
        if not future.set_running_or_notify_cancel():
            return
        try:
            future.set_result(pickle.loads(pickle.dumps(function(*args))))
        except Exception as error:
            future.set_exception(error)


class LastFirst(InOrder):
    """What was submitted last comes first."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Future[Any], bytes]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.waiting.append((future, pickle.dumps((fn, args))))
        threading.Timer(0.1, self.next).start()
        return future

    def next(self) -> None:
        self.carry_out(*self.waiting.pop())


@pytest.fixture(scope="module")
def pool() -> Iterator[Executor]:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as made:
        yield made


@pytest.mark.parametrize("made", [InOrder, LastFirst])
def test_the_results_are_those_of_this_process_in_any_order(made: type[InOrder]) -> None:
    backend: Backend = OnExecutor(CONV2D, made())
    assert backend.describe().name == CONV2D
    came = list(backend.run(judge_case, CASES, SETTINGS))
    assert len(came) == len(CASES)
    assert dict(came) == dict(Here(load_target(CONV2D)).run(judge_case, CASES, SETTINGS))
    assert backend.another() is None


def test_a_pool_of_processes_verifies(pool: Executor) -> None:
    report = verify(CONV2D, case=CASES[0], seed=0, workers=pool)
    assert (report.verdict, report.judged) == (Verdict.EXACT, 1)


def test_what_fails_there_is_found_and_reduced(pool: Executor) -> None:
    case = Case.parse("certificate float32 h1 w3 k1 nobias grad=")
    report = verify("hostile:returns_none", case=case, seed=0, workers=pool)
    (finding,) = report.findings
    assert (finding.quantity, finding.actual) == ("Y", "NoneType")
    assert "--in-process" not in finding.reproduce


def test_a_pool_of_processes_judges_as_this_one_does(pool: Executor) -> None:
    came = list(OnExecutor(CONV2D, pool).run(judge_case, CASES, SETTINGS))
    assert dict(came) == dict(Here(load_target(CONV2D)).run(judge_case, CASES, SETTINGS))


def test_what_travels_are_names_texts_and_settings() -> None:
    unit = place.unit_of(CONV2D, judge_case, CASES, SETTINGS)
    assert [item.text for item in unit.items] == [str(case) for case in CASES]
    assert "model.case" not in pickle.dumps(unit).decode(errors="replace")
    there = load_target(CONV2D)
    expected = [judge_case(there, case, SETTINGS) for case in CASES]
    assert carry_out(pickle.loads(pickle.dumps(unit))) == expected


def answers(_: Any, item: int, __: Any) -> int:
    return item


class Counting(InOrder):
    """How many units there were."""

    units = 0

    def carry_out(self, future: Future[Any], sent: bytes) -> None:
        self.units += 1
        super().carry_out(future, sent)


def test_no_more_is_held_than_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(place, "IN_FLIGHT", 2)
    executor = Counting()
    run = OnExecutor(CONV2D, executor).run(answers, range(100 * UNIT), None)
    next(run)
    assert executor.units == 2
    run.close()


def test_after_the_deadline_nothing_is_begun() -> None:
    backend = OnExecutor(CONV2D, InOrder())
    assert list(backend.run(answers, range(40), None, deadline=time.monotonic() - 1)) == []


def test_what_cannot_be_imported_there_is_refused_in_one_line() -> None:
    with pytest.raises(TargetError, match="^cannot import 'no_such_module': "):
        OnExecutor("no_such_module:f", InOrder()).describe()


def test_another_version_is_refused() -> None:
    unit = place.Unit("0.0.0", CONV2D, answers, (1,), None)
    with pytest.raises(TargetError, match=r"^two versions of conv-reference: 0\.0\.0 sends work"):
        carry_out(unit)


def dies(_: Any, item: int, __: Any) -> int:
    if item == 3:
        os._exit(1)
    return item


def test_where_the_executor_breaks_a_child_does_the_rest_and_finds_what_broke_it() -> None:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as broken:
        backend = OnExecutor(CONV2D, broken)
        with closing(backend):
            assert not backend.isolates
            results = dict(backend.run(dies, range(5), None))
            crash = results.pop(3)
            assert isinstance(crash, Crash)
            assert results == {number: number for number in (0, 1, 2, 4)}
            assert dict(backend.run(answers, range(5), None)) == dict(enumerate(range(5)))
            assert backend.isolates
    (note,) = backend.notes
    assert note.text.startswith("the executor broke (concurrent.futures")


class LosesOne(InOrder):
    """As a cluster whose worker dies: one unit is lost, and it goes on with the others."""

    units = 0

    def carry_out(self, future: Future[Any], sent: bytes) -> None:
        self.units += 1
        if self.units == 2:
            future.set_exception(ConnectionError("the worker was lost"))
        else:
            super().carry_out(future, sent)


def test_a_unit_that_is_lost_is_done_by_a_child_and_the_executor_does_the_others() -> None:
    executor = LosesOne()
    backend = OnExecutor(CONV2D, executor)
    with closing(backend):
        results = dict(backend.run(answers, range(3 * UNIT), None))
        assert results == {number: number for number in range(3 * UNIT)}
    assert executor.units == 3
    assert not backend.isolates
    (note,) = backend.notes
    assert note.text.startswith("the executor lost work (ConnectionError: the worker was lost)")


def test_an_executor_that_was_shut_down_is_refused_in_one_line() -> None:
    closed = ProcessPoolExecutor(1)
    closed.shutdown()
    with pytest.raises(TargetError, match="^the executor takes no work: cannot schedule"):
        verify(CONV2D, case=CASES[0], seed=0, workers=closed)


def test_a_function_that_nobody_can_import_is_refused(pool: Executor) -> None:
    with pytest.raises(TargetError, match="workers"):
        verify(lambda input, weight: None, workers=pool)


def test_threads_are_refused_which_share_what_a_case_changes() -> None:
    accepted = "workers must be an executor of processes, got a ThreadPoolExecutor"
    with ThreadPoolExecutor(2) as threads, pytest.raises(ValueError, match=accepted):
        verify(CONV2D, case=CASES[0], seed=0, workers=threads)
