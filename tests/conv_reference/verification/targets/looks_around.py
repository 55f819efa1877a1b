"""What a process holds: a module of its own, for a test's would import what the test imports."""

from __future__ import annotations

import sys
from typing import Any


def held_modules(*_: Any) -> list[str]:
    """The engine's modules, once the auditor's are there."""
    import conv_reference.verification.audit.answer  # noqa: F401, PLC0415 (as the auditor does)

    return [name for name in sys.modules if name.startswith("conv_reference.verification.")]
