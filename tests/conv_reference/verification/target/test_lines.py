from __future__ import annotations

import dataclasses
import inspect
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

from conv_reference.verification.target import lines
from conv_reference.verification.target.lines import Watch, written


def branching(size: int) -> int:
    """Two ways, a refusal, and a loop."""
    if size < 0:
        unit = "pixels"
        raise ValueError(unit)
    assert size != 7
    if size > 40:
        return -1
    total = 0
    for each in range(size):
        total += each
    return total


class Layer(torch.nn.Module):
    def forward(self, size: int) -> list[int]:
        return [branching(each) for each in range(size)]


def own(function: Callable[..., Any]) -> list[str]:
    """The lines of its source that count, without their indentation."""
    source, first = inspect.getsourcelines(function)
    (found,) = [w for w in written(function) if w.first == first]
    return [source[line - first].strip() for line in found.lines]


@pytest.fixture(autouse=True)
def nobody_traces() -> Iterator[None]:
    """Coverage may: then nothing would be watched."""
    before = sys.gettrace()
    sys.settrace(None)
    yield
    sys.settrace(before)


def seen(watch: Watch, call: Callable[[], Any]) -> list[int]:
    sys.settrace(watch.entered)
    try:
        call()
    finally:
        sys.settrace(None)
    first = branching.__code__.co_firstlineno
    return sorted(line - first for _, line in watch.fresh())


def test_declarations_and_refusals_do_not_count() -> None:
    assert own(branching) == [
        "if size < 0:",
        "if size > 40:",
        "return -1",
        "total = 0",
        "for each in range(size):",
        "total += each",
        "return total",
    ]


def generating(size: int) -> Iterator[int]:
    each = size
    yield each


def test_the_declaration_of_a_generator_does_not_count() -> None:
    assert own(generating) == ["each = size", "yield each"]


def test_of_a_layer_its_methods_count_and_what_they_call_and_nothing_of_torchs() -> None:
    firsts = {each.first for each in written(Layer())}
    functions = {f.__code__.co_firstlineno for f in (branching, Layer.forward)}
    comprehension = {Layer.forward.__code__.co_firstlineno + 1}  # its own only before Python 3.12
    assert functions <= firsts <= functions | comprehension
    assert written(torch.nn.functional.conv2d) == ()
    assert written(torch.nn.Conv2d(1, 1, 1)) == ()


def test_a_line_is_reported_when_it_runs_first() -> None:
    watch = Watch(written(branching))
    assert seen(watch, lambda: branching(50)) == [2, 6, 7]
    assert seen(watch, lambda: branching(1)) == [8, 9, 10, 11]
    assert seen(watch, lambda: (branching(1), branching(50))) == []


def test_after_many_calls_without_a_new_line_one_in_eight_is_watched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lines, "_STALLED", 3)
    monkeypatch.setattr(lines, "_FIRST", 0)
    watch = Watch(written(branching))
    due = [watch.is_due for _ in range(19)]
    assert due == [True] * 3 + [False] * 4 + [True] + [False] * 7 + [True] + [False] * 3
    assert seen(watch, lambda: branching(0)) == [2, 6, 8, 9, 11]
    assert watch.is_due


def test_of_each_kind_of_question_the_first_calls_are_watched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lines, "_STALLED", 3)
    monkeypatch.setattr(lines, "_FIRST", 2)
    with lines.watched(written(branching)) as watch:
        assert [watch.is_due for _ in range(5)] == [True] * 3 + [False] * 2
        with lines.asked("vmap in float32"):
            assert [watch.is_due for _ in range(4)] == [True, True, True, False]
        assert not watch.is_due
    with lines.asked("vmap in float32"):
        assert lines.tracer() is None


def test_where_every_line_has_run_no_call_is_watched() -> None:
    watch = Watch(written(branching))
    assert seen(watch, lambda: (branching(1), branching(50)))
    assert not watch.is_due


def test_nothing_is_watched_where_another_traces_or_a_compiler_is_asked() -> None:
    with lines.watched(written(branching)) as watch:
        assert lines.tracer() == watch.entered
        with lines.unwatched():
            assert lines.tracer() is None
        sys.settrace(lambda *_: None)
        assert lines.tracer() is None
        sys.settrace(None)
    assert lines.tracer() is None


def test_where_no_source_is_nothing_is_written() -> None:
    made: dict[str, Any] = {"__name__": "made"}
    exec("def function(X):\n    return X\n", made)
    assert written(made["function"]) == ()


@dataclasses.dataclass(frozen=True)
class Options:
    stride: int = 1


def with_options(size: int) -> int:
    return size // Options().stride


def test_what_wraps_the_methods_of_a_dataclass_is_pythons_own() -> None:
    assert {each.file for each in written(with_options)} == {__file__}


def doubled(size: int) -> int:
    return 2 * size


class Once(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, X: torch.Tensor) -> torch.Tensor:
        return X

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, G: torch.Tensor) -> torch.Tensor:
        return G * doubled(1)


@torch.no_grad()
def spared(size: int) -> int:
    return doubled(size)


@pytest.mark.parametrize(("wrapped", "function"), [(Once, "Once.backward"), (spared, "spared")])
def test_what_wraps_a_function_is_not_its_own_and_what_it_wraps_is(
    wrapped: Any, function: str
) -> None:
    found = written(wrapped)
    assert {each.file for each in found} == {__file__}
    assert {function, "doubled"} <= {each.name for each in found}
