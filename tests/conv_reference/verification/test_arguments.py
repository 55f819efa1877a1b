from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_bad_arguments_are_refused_without_torch_and_without_children(tmp_path: Path) -> None:
    program = """
import sys
from conv_reference.cli import main
for words in sys.argv[1:]:
    try: status = main(["verify", *words.split("|")])
    except SystemExit as error: status = error.code
    print(status, "torch" in sys.modules)
"""
    bad: tuple[str, ...] = (
        "nowhere",
        "no.py:conv",
        "mine.py:con",
        "broken.py:conv",
        "a:b|--dtype|int8",
        "a:b|--sweep|x",
        "a:b|--check|x",
    )
    bad += ("a:b|--geometry|h2", "a:b|--geometry|h99999 w99999 k1", "a:b|--case|x float32 k1")
    bad += ("a:b|--budget|0", "a:b|--margin|1", "a:b|--format|x", "a:b|--known|none.toml")
    bad += ("mine.py:conv|--output|report.xyz",)
    (tmp_path / "mine.py").write_text("def conv(input, weight): ...")
    (tmp_path / "broken.py").write_text("def conv(input, weight)")
    done = subprocess.run(
        [sys.executable, "-c", program, *bad],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    assert done.stdout.splitlines() == ["2 False"] * len(bad)
    assert done.stderr.count("\n") == len(bad)
