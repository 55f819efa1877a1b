"""docs/kernels.md, done literally: a kernel in Triton, and one in C++."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest
from environments import fresh, install, lend_all, run

ROOT = Path(__file__).parents[5]
PAGE = (ROOT / "docs" / "kernels.md").read_text(encoding="utf-8")
BLOCKS, NATIVE = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
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


# Of few cases: its interpreter takes a second for each.
JUDGED = """\
import sys
from conv_reference.verification import load_target
from conv_reference.verification.execution import Settings, judge_case
from conv_reference.verification.model.case import Case

target = load_target(sys.argv[1])
for sizes in ("n2 c1 h4 w3 o2 k2x2 s2 p1", "n1 c2 h3 w70 o2 k1x3"):
    case = Case.parse(f"certificate float32 {sizes} nobias grad=XK")
    judged = judge_case(target, case, Settings(seed=1, device="cpu"))
    print(*sorted({(j.quantity or "shapes") + " " + j.verdict for j in judged}), sep=", ")
"""


def test_a_kernel_in_triton_is_judged_in_its_interpreter(tmp_path: Path) -> None:
    python, site = fresh(tmp_path)
    lend_all(site)
    install(tmp_path, ["--python", python], ["triton==3.9.0"])
    (tmp_path / "blocks.py").write_text(BLOCKS, encoding="utf-8")
    fixed = re.findall(r'--as "(.*?)"', PAGE)[0]
    words = [python, "-c", JUDGED, f"blocks.py:conv2d@{fixed}"]
    found = run(words, tmp_path, TRITON_INTERPRET="1", PYTHONPATH=str(ROOT))
    exact = "Y exact, dK exact, dX exact, shapes exact"
    assert found.stdout.splitlines() == [exact, exact], found.stderr
    shutil.rmtree(tmp_path)  # a gigabyte


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
    broken = NATIVE.replace("#include <ATen/ATen.h>", '#include "no_such_header.h"')
    (tmp_path / "native.py").write_text(broken, encoding="utf-8")
    found = follow(OF_NATIVE, tmp_path, TORCH_EXTENSIONS_DIR=str(tmp_path / "built"))
    assert (found.returncode, found.stdout) == (2, "")
    assert found.stderr.splitlines()[-1].startswith(
        "conv-reference verify: error: cannot compile 'native.py': main.cpp:2:10: fatal error: "
        "no_such_header.h: No such file or directory"
    )
