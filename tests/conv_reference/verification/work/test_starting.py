"""What a process finds in its environment."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import pytest

from conv_reference.verification.work import starting


def test_a_process_is_not_told_of_a_pipe_of_makes_that_it_is_not_handed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MAKEFLAGS", " -j2 --jobserver-auth=3,4")
    monkeypatch.setenv("KEPT", "as it is")
    (tmp_path / "shows.py").write_text("import os, sys; print(dict(os.environ), file=sys.stderr)")
    monkeypatch.setattr(starting, "child_path", lambda **_: (str(tmp_path),))
    with closing(starting.memory_file("errors")) as errors:
        started = starting.popen("shows", (), errors.fileno(), "mark", marked=False)
        assert started.wait() == 0
        shown = os.pread(errors.fileno(), 1 << 20, 0).decode()
    assert "'KEPT': 'as it is'" in shown
    assert "MAKEFLAGS" not in shown
