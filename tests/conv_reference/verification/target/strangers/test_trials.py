"""How many calls the search for a convention makes, and where a clock ends it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from conv_reference.verification import verify
from conv_reference.verification.model.errors import TargetError
from conv_reference.verification.target.conventions import as_target, called_as_before
from conv_reference.verification.target.strangers.by_trial import known_other_by_trial
from conv_reference.verification.target.strangers.trials import OutOfTimeError, Trials

pytestmark = pytest.mark.usefixtures("without_circumstances")


@dataclass
class Slow:
    """Makes functions of which each call takes a second, by a clock of its own."""

    now: float = 0.0
    calls: list[Any] = field(default_factory=list)

    def trials(self, seconds: float) -> Trials:
        return Trials(seconds, clock=lambda: self.now)

    def made(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def convolution(x: Tensor, w: Tensor, stride: Any = 1, pad: Any = 0) -> Any:
            self.now += 1.0
            self.calls.append((tuple(x.shape), tuple(w.shape), stride, pad))
            return function(x, w, stride, pad)

        return convolution


def right(x: Tensor, w: Tensor, stride: Any, pad: Any) -> Tensor:
    return F.conv2d(x, w, stride=stride, padding=pad)


def of_integers(x: Tensor, w: Tensor, stride: Any, pad: Any) -> Tensor:
    return F.conv2d(x, w, stride=stride + 0, padding=pad + 0)


def channels_last(x: Tensor, w: Tensor, stride: Any, pad: Any) -> Tensor:
    taken = right(x.permute(0, 3, 1, 2), w.permute(3, 2, 0, 1), stride, pad)
    return taken.permute(0, 2, 3, 1)


def transposed(x: Tensor, w: Tensor, stride: Any, pad: Any) -> Tensor:
    return F.conv_transpose2d(x, w.transpose(0, 1), stride=stride, padding=pad)


def test_what_most_strangers_take_is_found_by_a_few_calls() -> None:
    for function, most in ((right, 12), (channels_last, 15)):
        slow = Slow()
        as_target(slow.made(function))
        assert len(slow.calls) <= most


def test_no_call_is_made_twice() -> None:
    """By the padding that it may have of its own what is expected differs, not what is given."""
    slow = Slow()
    trials, function = slow.trials(1e9), slow.made(transposed)
    target = as_target(function, trials=trials)
    made = len(slow.calls)
    assert target.computes
    assert made < 600  # of 78 forms, on several cases each
    assert known_other_by_trial(function, trials) == target.computes
    assert len(slow.calls) == made == trials.made


def test_a_convention_is_found_again_without_a_search() -> None:
    slow = Slow()
    function = slow.made(channels_last)
    target = as_target(function, name="of_a_test")
    before = len(slow.calls)
    again = called_as_before(function, target)
    assert (again.called_as, again.name) == (target.called_as, "of_a_test")
    assert len(slow.calls) - before < before


def test_a_search_that_comes_to_its_end_in_time_says_nothing() -> None:
    slow = Slow()
    target = as_target(slow.made(right), trials=slow.trials(1.5))
    assert not target.unsettled


def test_a_search_without_time_ends_with_what_came_nearest() -> None:
    def flipped(x: Tensor, w: Tensor, stride: Any, pad: Any) -> Tensor:
        return right(x, w.flip(-1), stride, pad)

    slow = Slow()
    target = as_target(slow.made(flipped), trials=slow.trials(4.0))
    assert len(slow.calls) < 20
    assert target.called_as == ("pad for padding",)
    assert target.unsettled.startswith("how it is called was not settled in 4 s, by ")
    report = verify(target, dtypes="float64", geometry="h3 w3 k2", checks="certificate")
    assert target.unsettled in map(str, report.notes)


def test_how_an_option_is_taken_is_asked_for_even_then() -> None:
    """Else a right one would be given pairs where it takes integers, and be called wrong."""
    slow = Slow()
    target = as_target(slow.made(of_integers), trials=slow.trials(0.5))
    assert target.integers == {"stride", "padding"}


def test_the_time_begins_when_the_first_call_is_over() -> None:
    """It may be compiled meanwhile."""
    slow = Slow()

    def compiled(x: Tensor, w: Tensor, stride: Any, pad: Any) -> Tensor:
        slow.now += 60.0 if len(slow.calls) == 1 else 0.0
        return channels_last(x, w, stride, pad)

    assert "X as NHWC" in as_target(slow.made(compiled), trials=slow.trials(20.0)).called_as


def test_where_nothing_was_near_in_time_it_is_refused_in_one_line() -> None:
    slow = Slow()

    def function(image: Tensor, kernel: Tensor, strides: Any, pads: Any) -> Tensor:
        slow.now += 1.0
        return torch.zeros(1)

    said = r"cannot call 'it': how it is called was not settled in 2 s, by 4 calls on a tiny case; "
    with pytest.raises(TargetError, match=said):
        as_target(function, name="it", trials=slow.trials(2.0))


def test_the_calls_are_counted_for_whoever_follows() -> None:
    told: list[int] = []
    trials = Trials(counted=told.append)
    for key in "aba":
        assert trials.answer(key, lambda: 1) == (1, None)
    assert told == [0, 1]


def test_no_call_is_made_when_the_time_is_up() -> None:
    now = iter([0.0, 0.0, 5.0, 7.0])
    trials = Trials(1.0, clock=lambda: next(now))
    assert trials.answer("first", lambda: 1) == (1, None)  # until 6.0
    with pytest.raises(OutOfTimeError):
        trials.answer("second", lambda: 1)
    assert trials.is_over
