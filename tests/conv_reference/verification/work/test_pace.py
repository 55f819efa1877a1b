from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conv_reference.verification.work.pace import Pace, Size


def paced(*seen: tuple[float, float], kind: str = "one") -> Pace:
    pace = Pace()
    for amount, seconds in seen:
        pace.note(Size(kind, amount), seconds)
    return pace


SLOW = paced(*[(10.0, 0.001)] * 3, *[(1000.0, 0.4)] * 3)


def test_what_travels_with_items_is_what_concerns_them() -> None:
    pace = paced(*[(1000.0, 0.4)] * 3, *[(10.0, 0.001)] * 3)
    pace.note(Size("another", 1.0), 1.0)
    size = Size("one", 100_000.0)
    assert pace.of([size]).expected(size) == pace.expected(size)
    assert pace.of([size]) == paced(*[(1000.0, 0.4)] * 3, *[(10.0, 0.001)] * 3)


def test_of_what_nobody_has_seen_nothing_is_expected() -> None:
    assert Pace().expected(Size("one", 1e9)) is None
    assert SLOW.expected(Size("another", 1e9)) is None


def test_a_slow_target_is_expected_to_stay_so() -> None:
    expected = SLOW.expected(Size("one", 100_000.0))
    assert expected == pytest.approx(0.001 + 0.399 * 100)


def test_a_kind_that_is_new_may_take_what_others_would() -> None:
    assert SLOW.at_most(Size("another", 100_000.0)) == SLOW.expected(Size("one", 100_000.0))
    assert SLOW.at_most(Size("one", 1.0)) == 0.0


@given(st.lists(st.floats(0.0005, 0.002), min_size=3, max_size=30), st.floats(1, 1e9))
def test_where_the_size_takes_no_time_nothing_is_expected_of_a_large_one(
    seconds: list[float], amount: float
) -> None:
    """A library takes a millisecond for each call, whatever the machine does meanwhile."""
    pace = paced(*((float(number), taken) for number, taken in enumerate(seconds)))
    assert pace.expected(Size("one", amount)) is None


def test_what_takes_its_time_whatever_its_size_says_nothing_of_a_larger_one() -> None:
    """As a check that makes sizes of its own, or has an oracle that takes longer."""
    pace = paced((1.0, 0.001), *[(100.0, 0.3)] * 3, *[(1000.0, 0.4)] * 3)
    assert pace.expected(Size("one", 1e6)) is None


def test_what_took_little_says_enough_to_wait_and_not_enough_to_leave_out() -> None:
    pace = paced(*[(10.0, 0.001)] * 3, *[(1000.0, 0.1)] * 3)
    size = Size("one", 1e6)
    assert pace.expected(size) is None
    assert pace.at_most(size) == pytest.approx(100, rel=0.1)


def test_one_that_took_long_is_no_pace() -> None:
    pace = paced(*[(8.0, 0.001)] * 5, (8.0, 3.0))
    assert pace.expected(Size("one", 1e6)) is None
    assert paced((1000.0, 5.0), (10.0, 0.001)).expected(Size("one", 1e6)) is None


@given(st.floats(1, 1e6), st.floats(1, 1e6))
def test_more_work_is_expected_to_take_no_less(first: float, second: float) -> None:
    less, more = sorted((first, second))
    longer = SLOW.expected(Size("one", more))
    shorter = SLOW.expected(Size("one", less))
    assert shorter is None or (longer is not None and longer >= shorter)
