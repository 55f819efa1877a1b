"""The arrows of the design: rooms import only downwards, and the derivation stands alone."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_rooms_import_only_in_the_direction_of_the_design() -> None:
    linter = [
        sys.executable,
        "-c",
        "from importlinter.cli import lint_imports_command as main; main()",
    ]
    done = subprocess.run(linter, capture_output=True, text=True, check=False)

    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    number = len(contracts["contracts"])
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Contracts: {number} kept, 0 broken." in done.stdout


def test_the_derivation_loads_no_torch_and_nothing_of_the_reference() -> None:
    program = (
        "import sys, analytic; "
        "print([name for name in sys.modules if name.split('.')[0] in ('torch', 'conv_reference')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_calls_are_checked_wherever_shapes_are_annotated() -> None:
    options = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]
    names = next(o for o in options["addopts"] if o.startswith("--jaxtyping-packages="))
    *checked, _ = names.partition("=")[2].split(",")
    annotated = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in (ROOT / "conv_reference").rglob("*.py")
        if "from jaxtyping import" in path.read_text()
    }
    assert annotated
    unchecked = {n for n in annotated if not any(f"{n}.".startswith(f"{c}.") for c in checked)}
    assert unchecked == set()
