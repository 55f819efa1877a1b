"""The page of what is found says what was measured, of faults that are planted."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

from conv_reference.verification.faults.collection import FAULTS

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "docs/detection"


def page() -> ModuleType:
    file = ROOT / "benchmarks/detection_page.py"
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look
    spec.loader.exec_module(module)
    return module


def test_the_table_is_what_was_measured() -> None:
    module = page()
    text = (ROOT / "docs/detection.md").read_text(encoding="utf-8")
    told = text.partition(module.BEGIN)[2].partition(module.END)[0]

    assert told.strip() == module.measured(FOLDER)


def test_what_was_measured_is_planted() -> None:
    told = json.loads((FOLDER / "faults.json").read_text(encoding="utf-8"))["faults"]

    assert {each["name"] for each in told} <= {*FAULTS}
    assert all(each["guard"] == FAULTS[each["name"]].guard for each in told)


def test_the_readme_has_the_figures() -> None:
    module = page()
    readme = (ROOT / "README.md").read_text(encoding="utf-8")

    assert module.in_one_line(FOLDER) in " ".join(readme.split())
