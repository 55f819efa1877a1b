"""The faulty implementations as a module that targets can name."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "targets"))


@pytest.fixture
def without_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy the machine is: what is planned is judged."""
    monkeypatch.setattr("conv_reference.verification.options.clock.OVERRUN", 1_000.0)


@pytest.fixture(autouse=True, scope="session")
def _asked_again_as_often_as_on_an_idle_machine() -> Iterator[None]:
    """What comes and goes is asked for some times within a second: of a busy machine, too few."""
    with pytest.MonkeyPatch.context() as patch:
        for module in ("grouping.intermittent", "explaining.steadiness"):
            patch.setattr(f"conv_reference.verification.diagnosis.{module}._SECONDS", 60.0)
        yield
