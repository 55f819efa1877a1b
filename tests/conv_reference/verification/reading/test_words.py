from __future__ import annotations

import pytest

from conv_reference.verification.reading.words import Words, parse
from conv_reference.verification.target.names import (
    asked_convention,
    asked_operator,
    read_as,
    without_convention,
)


def test_words_are_read_and_what_is_not_said_is_left_open() -> None:
    assert parse(" input=NHWC  integers=stride,padding ") == Words(
        input="NHWC", integers=frozenset({"stride", "padding"})
    )
    assert parse("integers=none").integers == frozenset()
    assert parse("input=HW weight=HW first=weight bias=required").fixes_a_call
    assert not parse("backward=none").fixes_a_call


@pytest.mark.parametrize(
    "text", ["", "input", "input=NWHC", "colour=red", "integers=groups", "weight=HWIO input=x"]
)
def test_what_says_nothing_is_refused_with_what_is_accepted(text: str) -> None:
    with pytest.raises(ValueError, match=r"convention.*accepted is input=NCHW\|NHWC"):
        parse(text)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("input=NHCW", "NHW or NHWC or NCHW"),
        ("inptu=NHWC", "input"),
        ("integers=strides", "stride"),
    ],
)
def test_what_is_misspelt_is_answered_with_what_may_be_meant(text: str, meant: str) -> None:
    with pytest.raises(ValueError, match=rf"'{text}'; did you mean {meant}\? accepted is input="):
        parse(text)


def test_a_name_carries_its_convention_and_operator() -> None:
    name = read_as("a@b.py:f", "conv2d", "input=NHWC weight=HWIO")
    assert name == "a@b.py:f@conv2d@input=NHWC weight=HWIO"
    assert asked_operator(name) == ("a@b.py:f", "conv2d")
    assert asked_convention(name) == "input=NHWC weight=HWIO"
    assert without_convention(name) == "a@b.py:f@conv2d"
    assert read_as(name, None) == name
    assert read_as(name, None, "input=CHW") == "a@b.py:f@conv2d@input=CHW"
    assert asked_convention("a@b=c.py:f") is None
