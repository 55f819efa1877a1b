"""The page of what is found says what was measured, of faults that are planted."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

from conv_reference.verification.faults.collection import FAULTS, OPERATORS, planted_in

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


def test_the_table_of_the_other_operators_is_what_was_measured() -> None:
    module = page()
    text = (ROOT / "docs/detection.md").read_text(encoding="utf-8")
    told = text.partition(module.OTHERS_BEGIN)[2].partition(module.OTHERS_END)[0]
    faults, _ = module.outcomes(FOLDER, "operators.json")

    assert told.strip() == module.operators(FOLDER)
    assert {each.operator for each in faults} == {*OPERATORS} - {"conv2d"}
    for operator in {*OPERATORS} - {"conv2d"}:  # every one of them was run
        run = {each.name for each in faults if each.operator == operator}
        assert run == {each.name for each in planted_in(operator)}


@pytest.mark.parametrize("kept_in", ["faults.json", "operators.json"])
def test_what_was_measured_is_planted(kept_in: str) -> None:
    told = json.loads((FOLDER / kept_in).read_text(encoding="utf-8"))["faults"]

    assert {each["name"] for each in told} <= {*FAULTS}
    assert all(each["guard"] == FAULTS[each["name"]].guard for each in told)


def test_the_readme_has_the_figures() -> None:
    module = page()
    readme = (ROOT / "README.md").read_text(encoding="utf-8")

    assert module.in_one_line(FOLDER) in " ".join(readme.split())
