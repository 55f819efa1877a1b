"""docs/kernels.md, done literally: a kernel in C++."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sysconfig
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[4] / "docs" / "kernels.md").read_text(encoding="utf-8")
_, NATIVE = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
_, OF_NATIVE = re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def follow(command: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Type what the page says, for fewer cases, in a folder."""
    words = [word for word in shlex.split(command) if "=" not in word]
    scripts = sysconfig.get_path("scripts")
    return subprocess.run(
        [f"{scripts}/{words[0]}", *words[1:], "--cases", "40", "--check", "certificate"],
        cwd=folder,
        env={**os.environ, "PATH": f"{scripts}:{os.environ['PATH']}", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_kernel_in_cpp_is_compiled_once_and_judged(tmp_path: Path) -> None:
    (tmp_path / "native.py").write_text(NATIVE, encoding="utf-8")
    built = tmp_path / "built"
    found = follow(OF_NATIVE, tmp_path, TORCH_EXTENSIONS_DIR=str(built))
    assert found.returncode == 0, found.stdout + found.stderr
    assert "right in float64, float32" in found.stdout
    (log,) = built.rglob(".ninja_log")
    outputs = [line.split("\t")[3] for line in log.read_text().splitlines() if line[:1] != "#"]
    assert outputs == ["main.o", "native_conv.so"]


def test_what_does_not_compile_is_said_in_one_line(tmp_path: Path) -> None:
    broken = NATIVE.replace("#include <torch/extension.h>", '#include "no_such_header.h"')
    (tmp_path / "native.py").write_text(broken, encoding="utf-8")
    found = follow(OF_NATIVE, tmp_path, TORCH_EXTENSIONS_DIR=str(tmp_path / "built"))
    assert (found.returncode, found.stdout) == (2, "")
    assert found.stderr.splitlines()[-1].startswith(
        "conv-reference verify: error: cannot compile 'native.py': main.cpp:3:10: fatal error: "
        "no_such_header.h: No such file or directory"
    )
