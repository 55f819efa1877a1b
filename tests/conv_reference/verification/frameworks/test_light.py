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
    # ONNX Runtime has float32 of these.
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


def test_a_short_run_of_one_that_compiles_for_each_shape_is_right(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONV_REFERENCE_CACHE", str(tmp_path / "cache"))
    python = environment(tmp_path / "jax", "jax")
    # Programs are dear: one dtype, the certificate, and one mode.
    asked = ["--check", "forward", "--check", "grad_input", "--check", "grad_weight"]
    limits = ["--cases", "20", "--dtype", "float32", "--seed", "0", "--workers", "1"]
    words = ["verify", "conv_reference.adapters.jax:Jax", "--python", str(python)]
    output = tmp_path / "jax.json"
    written = ["--format", "json", "--output", str(output), "--quiet"]
    status = cli.main([*words, *asked, "--check", "vmap", *limits, *written])

    report = json.loads(output.read_text())
    assert (status, report["verdict"]) == (0, "exact"), capsys.readouterr().out
    assert report["environment"]["framework"] == "JAX 0.10.2"
    assert report["judged"] > 100
    assert {check["name"]: check["verdict"] for check in report["checks"]}["vmap"] == "exact"
    assert len([*(tmp_path / "cache" / "JAX-0.10.2" / "programs").iterdir()]) > 100
    shutil.rmtree(tmp_path)


def test_one_geometry_by_tinygrad_is_right(tmp_path: Path) -> None:
    python = environment(tmp_path / "tinygrad", "tinygrad")
    # Each kernel is a run of clang, seconds of it for each question.
    asked = ["--check", "forward", "--check", "grad_input", "--check", "grad_weight"]
    words = ["verify", "conv_reference.adapters.tinygrad:TinyGrad", "--python", str(python)]
    size = ["--geometry", "n1 c2 h3 w4 o2 k2x2 s1 p1 d1 g2", "--dtype", "float32"]
    output = tmp_path / "tinygrad.json"
    written = ["--format", "json", "--output", str(output), "--quiet"]
    status = cli.main([*words, *asked, *size, "--workers", "1", *written])

    report = json.loads(output.read_text())
    assert (status, report["verdict"]) == (0, "exact")
    assert report["judged"] >= 10
    shutil.rmtree(tmp_path)
