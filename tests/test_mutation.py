"""The script of ``make mutation``: what it draws, and what it says; mutmut itself is not run."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from random import Random
from types import ModuleType

import pytest

FILE = Path(__file__).parent.parent / "benchmarks/mutation.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location(FILE.stem, FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MADE = {"few": ["few_1"], "many": [f"many_{number}" for number in range(100)], "some": ["a", "b"]}


def test_modules_give_as_many_each_as_they_have(script: ModuleType) -> None:
    drawn = script.sample(MADE, 7, Random(0))

    assert len({*drawn}) == 7
    assert [sum(name in drawn for name in names) for names in MADE.values()] == [1, 4, 2]


def test_what_is_drawn_follows_from_the_seed(script: ModuleType) -> None:
    drawn = [script.sample(MADE, 20, Random(seed)) for seed in (1, 1, 2)]

    assert drawn[0] == drawn[1] != drawn[2]


def test_each_end_of_a_mutant_is_counted_once(script: ModuleType) -> None:
    ends = {"killed": 1, "alive": 0, "unseen": 33, "none selected": 5, "hung": 36, "left": None}
    ends |= {"pytest itself failed": 3}

    assert script.summary(ends) == (
        "1 killed, 1 survive, 2 that no test calls, 2 without an end (hung, or crashed), 1 not run"
    )
