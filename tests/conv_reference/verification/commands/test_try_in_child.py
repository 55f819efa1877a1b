"""Where the child of ``conv-reference try`` is, as its parent reads it."""

from __future__ import annotations

import pytest

from conv_reference.verification.commands.try_in_child import At


@pytest.mark.parametrize("at", [At("line 12", 5.0), At("its import", 20.0), At("conv", 2.0)])
def test_where_it_is_is_read_as_it_was_written(at: At) -> None:
    assert At.read(str(at)) == at


def test_a_line_is_one_of_the_file() -> None:
    assert At("line 12", 5.0).line == 12
    assert At("line_12", 5.0).line is None


@pytest.mark.parametrize("text", ["", "nan s: conv", "\0", "1e9 s: line 3"])
def test_what_a_file_has_written_there_is_no_place(text: str) -> None:
    assert At.read(text) == At("", 20.0)


def test_nobody_waits_as_long_as_a_file_says() -> None:
    assert At.read("99999999999 s: line 3") == At("line 3", 20.0)
