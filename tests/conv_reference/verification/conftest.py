"""The faulty implementations as a module that targets can name."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "targets"))


@pytest.fixture
def without_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy the machine is: what is planned is judged."""
    monkeypatch.setattr("conv_reference.verification.plan.request.OVERRUN", 1_000.0)
