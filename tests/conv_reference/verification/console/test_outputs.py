from __future__ import annotations

import io
import sys

import pytest
from made_reports import RIGHT

from conv_reference.verification.console.outputs import deliver
from conv_reference.verification.report.view import View


class Full(io.StringIO):
    """A disk without room."""

    def flush(self) -> None:
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize("form", ["text", "json"])
def test_where_standard_output_takes_nothing_the_verdict_is_on_standard_error(
    form: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdout", Full())
    with pytest.raises(OSError, match="^cannot write to standard output: No space left on device$"):
        deliver(RIGHT, View(status=0), (), form=form, files=(), quiet=False)
    said = capsys.readouterr().err.splitlines()
    assert said[-1].startswith("my_kernels:conv2d: right, bit for bit over integers, ")
    assert said[-1].endswith("; exit status 2")


def test_whoever_reads_no_further_has_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    class Closed(io.StringIO):
        def flush(self) -> None:
            raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr(sys, "stdout", Closed())
    with pytest.raises(BrokenPipeError):
        deliver(RIGHT, View(), (), form=None, files=(), quiet=True)
