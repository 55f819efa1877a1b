from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from conv_reference.verification import verify
from conv_reference.verification.diagnosis.ran import never_run
from conv_reference.verification.target.lines import Written

FORWARD = Written("/somewhere/conv.py", "Conv.forward", 3, (4, 5, 6, 9, 10))
JVP = Written("/somewhere/conv.py", "Conv.jvp", 20, (21, 22))
PRINTED = Written("/somewhere/conv.py", "Conv.extra_repr", 30, (31,))

TARGET = """
    from torch.nn.functional import conv2d

    def conv(input, weight):
        Y = conv2d(input, weight)
        if input.shape[1] > 3:
            Y = Y * 1
            Y[:, -1] = 0
        if input.shape[1] == 70_001:
            Y = Y + 1
        return Y
"""


def said(ran: set[int], crashed: int = 0) -> list[str]:
    lines = {("/somewhere/conv.py", line) for line in ran}
    return [str(note) for note in never_run((FORWARD, JVP, PRINTED), lines, 1200, crashed)]


def test_stretches_that_never_ran_are_named_and_functions_that_never_were_called() -> None:
    assert said({4, 6}) == [
        "not checked, in conv.py: line 5 (Conv.forward), lines 9-10 (Conv.forward) never ran; "
        "Conv.jvp never called, as far as 1,200 cases were watched"
    ]
    assert said({4, 5, 6, 9, 10, 21, 22}) == []


def test_one_case_is_not_written_as_several() -> None:
    (note,) = never_run((FORWARD,), {("/somewhere/conv.py", 4)}, 1, 0)
    assert str(note).endswith("never ran, as far as one case was watched")


def test_what_a_crashed_case_ran_is_not_said_to_have_never_run() -> None:
    """A loop that never ends is the line that hangs: its process is ended, and tells nothing."""
    (note,) = said({4, 5, 6, 9, 21, 22}, crashed=6)
    assert note.endswith(
        "as far as 1,200 cases were watched; what 6 cases ran that crashed or timed out is not "
        "known"
    )


def test_where_nothing_was_watched_nothing_is_claimed() -> None:
    assert said(set()) == []


@pytest.fixture
def nobody_traces() -> Iterator[None]:
    """Coverage may: then nothing would be watched."""
    before = sys.gettrace()
    sys.settrace(None)
    yield
    sys.settrace(before)


@pytest.mark.slow
@pytest.mark.usefixtures("nobody_traces")
@pytest.mark.parametrize("isolate", [False, True])
def test_a_report_names_the_line_of_the_fault_and_those_that_never_ran(
    tmp_path: Path, *, isolate: bool
) -> None:
    path = tmp_path / "some_conv.py"
    path.write_text(dedent(TARGET))
    report = verify(
        f"{path}:conv",
        dtypes=["float32"],
        checks=["forward"],
        cases=300,
        seed=0,
        isolate=isolate,
        known=None,
    )
    (finding,) = report.findings
    assert "Only cases that fail run line 7 of some_conv.py, `Y = Y * 1`:" in finding.circumstances
    notes = [str(note) for note in report.notes if "some_conv.py" in str(note)]
    (note,) = notes
    assert note.startswith("not checked, in some_conv.py: line 10 (conv) never ran, as far as ")
