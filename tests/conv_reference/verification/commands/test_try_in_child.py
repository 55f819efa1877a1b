"""Where the child of ``conv-reference try`` is, as its parent reads it; and what it tries."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from conv_reference.verification.commands.try_in_child import Asked, At, tried
from conv_reference.verification.work.messages import NoTarget


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


COMPILED = """\
import torch
from torch.nn import functional as F


def refused(*_, **__):
    raise AssertionError("it was compiled")


@torch.compile(backend=refused)
def conv(x, w):
    return F.conv2d(x, w)


def calls(x, w):
    return conv(x, w)
"""


def test_what_is_compiled_is_tried_without_its_compiler(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Torch's takes half a minute; and the command that waits for it is named."""
    (tmp_path / "tried_compiled.py").write_text(COMPILED)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    asked = Asked("tried_compiled.py")
    with torch.compiler.set_stance("default"):  # it is set back
        found = {name: tried(NoTarget(), name, asked) for name in ("conv", "calls")}

    assert [verdict for verdict, _ in found.values()] == ["right", "right"]
    said = "  without torch's compiler, for the time; as compiled: conv-reference verify "
    assert f"{said}tried_compiled.py:conv" in found["conv"][1]
    assert not any("compiler" in line for line in found["calls"][1])
