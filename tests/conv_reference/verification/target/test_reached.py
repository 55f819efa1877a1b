from __future__ import annotations

from pathlib import Path
from types import CodeType

from conv_reference.adapters import numpy as adapter
from conv_reference.verification.target.reached import reached


def test_of_a_shipped_adapter_its_own_code_is_reached_and_not_the_engines() -> None:
    codes = [item for item in reached(adapter.Numpy()) if isinstance(item, CodeType)]

    assert {Path(code.co_filename).name for code in codes} == {"numpy.py"}
