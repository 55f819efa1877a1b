"""The shipped adapters of light frameworks, each in an environment of its own with its pins."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from environments import fresh, install, lend_all

from conv_reference import cli

pytestmark = pytest.mark.slow

PINS = Path(__file__).parents[4] / "conv_reference" / "adapters" / "pins"


def environment(folder: Path, name: str) -> Path:
    """The interpreter of an environment with the framework, and with our libraries behind it."""
    folder.mkdir()
    python, site = fresh(folder)
    lend_all(site)
    install(folder, ["--python", python], ["-r", PINS / f"{name}.txt"])
    return python


def test_a_short_run_of_each_is_right_and_stands_in_the_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = []
    for name in ("scipy:Scipy", "autograd:Autograd", "onnxruntime:OnnxRuntime"):
        python = environment(tmp_path / name.partition(":")[0], name.partition(":")[0])
        words += ["--environment", f"conv_reference.adapters.{name}={python}"]
    # Of the three ONNX Runtime alone has one dtype, float32.
    dtypes = ["--dtype", "float64", "--dtype", "float32"]
    options = ["--cases", "20", "--seed", "0", *dtypes, "--workers", "1"]
    status = cli.main(["frameworks", *words, *options, "--reports", str(tmp_path / "reports")])

    said = capsys.readouterr().out
    head, verdicts = next(
        (before, line)
        for before, line in zip(said.splitlines(), said.splitlines()[1:], strict=False)
        if line.startswith("verdict ")
    )
    named = "SciPy 1.17.1 HIPS autograd 1.9.1 ONNX Runtime 1.32.0"
    assert (status, " ".join(head.split())) == (0, named), said
    assert {*verdicts.split()} <= {"verdict", "exact", "rounded"}
    judged = [json.loads(file.read_text()) for file in (tmp_path / "reports").glob("*.json")]
    assert [report["judged"] > 100 for report in judged] == [True, True, True]
    shutil.rmtree(tmp_path)  # some hundred megabytes
