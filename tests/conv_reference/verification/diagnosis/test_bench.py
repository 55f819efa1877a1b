"""Whose a failure is that meets a defect of torch: asked again, as it is and with torch exact."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from torch.nn.functional import conv2d

from conv_reference.verification.diagnosis.bench import Bench
from conv_reference.verification.execution import Settings
from conv_reference.verification.known.known import Defect
from conv_reference.verification.known.relayed import Beside
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.judgement import Crash, Failure, Judgement
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.target.conventions import as_target

CASE = Case.parse("certificate float32 h1 w2 k1x2")
WRONG = Judgement("forward", "Y", Verdict.WRONG)
DEFECT = Defect(
    name="flipped",
    summary="The kernel is flipped.",
    link="docs/found/flipped.md",
    date="2026-11-26",
    targets=("torch.nn.functional:conv2d",),
    quantities=("Y",),
)
FAILS, RIGHT = frozenset({("forward", "Y")}), frozenset[tuple[str, str]]()
ERRS, PASSES = Beside(FAILS, torch_errs=True), Beside(RIGHT, torch_errs=True)
ALONE = Beside(FAILS, torch_errs=False)  # it fails where torch is right
CRASH = Crash("killed by SIGSEGV")


class Scripted:
    """In place of where a target runs: answers in turn, by what is asked."""

    def __init__(self, beside: Sequence[Any], exactly: Sequence[Any]) -> None:
        self.answers = {"judged_beside": [*beside], "judged_exactly": [*exactly]}

    def run(self, function: Any, items: Sequence[Any], *_: Any, **__: Any) -> Iterator[Any]:
        assert items == [CASE]
        yield 0, self.answers[function.__name__].pop(0)


class Interrupted:
    """In place of where a target runs: an interrupt after the first answer."""

    def run(self, *_: Any, **__: Any) -> Iterator[Any]:
        yield 0, "first"
        raise KeyboardInterrupt


def test_an_interrupt_keeps_the_answers_that_are_there_and_nothing_more_is_asked() -> None:
    place: Any = Interrupted()
    bench = Bench(as_target(conv2d), place, Settings(seed=0, device="cpu"), (), (), math.inf)

    assert bench.within(0.5).ask(lambda *_: None, [1, 2], None) == {1: "first"}
    assert bench.stop.wanted
    assert bench.is_over
    assert bench.ask(lambda *_: None, [3], None) == {}


class Dying:
    """In place of where a target runs: it dies on the first item, and answers the others."""

    def run(self, _: Any, items: Sequence[Any], *__: Any, **___: Any) -> Iterator[Any]:
        yield 0, CRASH
        yield from ((number, (WRONG,)) for number in range(1, len(items)))


def test_who_dies_of_a_question_has_no_answer_to_it_and_is_judged_as_crashed() -> None:
    """Whoever asks reads the answer as what the question returns: a text, a set of rows."""
    place: Any = Dying()
    bench = Bench(as_target(conv2d), place, Settings(seed=0, device="cpu"), (), (), math.inf)
    other = Case.parse("certificate float32 h1 w3 k1x2")

    assert bench.ask(lambda *_: None, [CASE, other], None) == {other: (WRONG,)}
    judged = {case: [j.verdict for j in each] for case, each in bench.judged([CASE, other]).items()}
    assert judged == {CASE: [Verdict.CRASHED], other: [Verdict.WRONG]}


class Hearing:
    """In place of where a target runs: what is put to it, in turn, and nothing else."""

    def __init__(self) -> None:
        self.heard: list[Any] = []

    def run(self, _: Any, items: Sequence[Any], *__: Any, **___: Any) -> Iterator[Any]:
        self.heard += items
        yield from ()


def test_nothing_is_put_to_a_target_that_it_cannot_be_asked() -> None:
    """Of a stride of one integer for both axes another answer is no fault of the target."""
    place: Any = Hearing()
    target = replace(as_target(conv2d), integers=frozenset({"stride"}))
    bench = Bench(target, place, Settings(seed=0, device="cpu"), (), (), math.inf)
    even, uneven = (Case.parse(f"certificate float64 h3 w3 k1 {s}") for s in ("s2", "s1x2"))

    bench.ask(lambda *_: None, [even, uneven, (even, "forward"), (uneven, "forward")], None)
    bench.ask(lambda *_: None, [(even, uneven), (even, even), "no case"], None)
    bench.judged([even, uneven])
    assert place.heard == [even, (even, "forward"), (even, even), "no case", even]


def known(beside: Sequence[Any], *exactly: Any, deadline: float = math.inf) -> bool:
    bench = Bench(
        as_target(conv2d),
        Scripted(beside, exactly),  # type: ignore[arg-type]  # only asked to run
        Settings(seed=0, device="cpu"),
        (),
        (DEFECT,),
        deadline,
    )
    failure = Failure(CASE, WRONG)
    once = bench.known(failure)
    assert bench.known(failure) == once  # and nothing is asked again
    return once is not None


def test_under_a_setting_a_defect_of_its_own_is_known_that_needs_no_instructions() -> None:
    """Cases are put there that would crash by instructions which are lacking then."""
    failure = Failure(CASE, WRONG.met_under("ONEDNN_MAX_CPU_ISA=AVX"))
    narrow = replace(DEFECT, environment=("instructions=avx2", "oneDNN=on"))
    for own, others, wanted in (((narrow, DEFECT), (), DEFECT), ((), (DEFECT,), None)):
        place: Any = Scripted([], [])
        settings = Settings(seed=0, device="cpu")
        bench = Bench(as_target(conv2d), place, settings, own, others, math.inf)
        assert bench.known(failure) == wanted


def test_what_fails_again_while_torch_errs_and_is_right_where_it_does_not_is_torchs() -> None:
    assert known([ERRS], RIGHT, RIGHT)


def test_torch_need_not_err_each_time_for_what_it_reads_may_be_what_the_memory_held() -> None:
    assert known([PASSES, CRASH, ERRS], RIGHT, RIGHT)


@pytest.mark.parametrize(
    ("beside", "exactly"),
    [
        ([PASSES] * 3, (RIGHT, RIGHT)),
        ([ALONE] * 3, (RIGHT, RIGHT)),
        ([ERRS], (RIGHT, FAILS)),
        ([ERRS], (FAILS, RIGHT)),
        ([ERRS], (FAILS, FAILS)),
        ([ERRS], (RIGHT, CRASH)),
        ([CRASH] * 3, (RIGHT, RIGHT)),
    ],
)
def test_who_is_right_now_and_then_is_not_excused(
    beside: Sequence[Any], exactly: Sequence[Any]
) -> None:
    assert not known(beside, *exactly)


def test_with_no_time_left_it_is_the_targets() -> None:
    assert not known([ERRS], RIGHT, RIGHT, deadline=-math.inf)


def test_a_share_of_the_time_that_is_left_may_be_set_aside() -> None:
    settings = Settings(seed=0, device="cpu")
    bench = Bench(as_target(conv2d), Scripted([], []), settings, (), (), time.monotonic() + 1000)  # type: ignore[arg-type]  # only asked to run
    assert bench.within(0.25).left == pytest.approx(250, abs=5)
    assert bench.within(0.25)._answers is bench._answers
    assert replace(bench, deadline=-math.inf).within(0.25).is_over
    assert replace(bench, deadline=math.inf).within(0.25).left == math.inf


def test_what_may_lack_bits_is_asked_over_numbers_of_many_bits() -> None:
    backend: Any = Scripted((), ())
    bench = Bench(as_target(conv2d), backend, Settings(seed=0, device="cpu"), (), (), math.inf)

    def values(expected: str, actual: str) -> set[str]:
        judgement = replace(WRONG, expected=expected, actual=actual)
        return {case.values.value for case in bench.certificates_of(Failure(CASE, judgement))}

    many = {"heavy_input", "heavy_weight", "heavy_grad_output"}
    assert values("3509778668520", "3509778644992") >= many
    assert values("-137", "-inf") >= many
    assert values("5e-40", "0") >= many
    assert not values("3", "4") & many
    assert values("0", "nan") >= many
    assert not values("inf", "nan") & many
    assert not values("a gradient", "no gradient") & many


class Elsewhere:
    """In place of where a target runs: a place under a setting, and whether it was closed."""

    def __init__(self) -> None:
        self.opened: list[dict[str, str]] = []
        self.closed = 0

    def under(self, environment: dict[str, str]) -> Elsewhere:
        self.opened.append(environment)
        return self

    def close(self) -> None:
        self.closed += 1


def test_under_a_setting_no_case_is_left_out_and_the_place_is_closed() -> None:
    backend: Any = Elsewhere()
    settings = Settings(seed=0, device="cpu")
    bench = Bench(as_target(conv2d), backend, settings, (), (), math.inf, spared=(DEFECT,))
    with bench.at("ONEDNN_MAX_CPU_ISA=AVX") as there:
        assert there is not None
        assert there.spared == ()
        assert there.may_ask(CASE)
        assert backend.closed == 0
    assert backend.opened == [{"ONEDNN_MAX_CPU_ISA": "AVX"}]
    assert backend.closed == 1
    with replace(bench, deadline=0.0).at("ONEDNN_MAX_CPU_ISA=AVX") as there:
        assert there is None


def test_what_there_was_no_time_to_ask_is_asked_where_there_is_time_and_until_then_may_be() -> None:
    place: Any = Scripted([ERRS], [RIGHT, RIGHT])
    settings = Settings(seed=0, device="cpu")
    over = Bench(as_target(conv2d), place, settings, (), (DEFECT,), -math.inf)
    failure = Failure(CASE, WRONG)
    assert (over.known(failure), over.may_be(failure)) == (None, "flipped")
    in_time = replace(over, deadline=math.inf)
    assert in_time.known(failure) is not None
    assert (in_time.may_be(failure), over.may_be(failure)) == ("", "")
