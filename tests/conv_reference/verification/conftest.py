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
    monkeypatch.setattr("conv_reference.verification.plan.request.OVERRUN", 1_000.0)


@pytest.fixture(scope="module")
def without_circumstances() -> Iterator[None]:
    """Nothing is asked around a finding: half the time of a run that finds something.

    For tests of what is found; ``diagnosis``'s tests of each kind of circumstances do without it,
    and so do those of whole runs that are slow.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "conv_reference.verification.diagnosis.findings.Diagnosis._common",
            lambda *_, **__: "",
        )
        yield
