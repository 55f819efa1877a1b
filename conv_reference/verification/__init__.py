"""Is this implementation of convolution right, in every mode, and if not, where and how?

>>> import torch
>>> from conv_reference.verification import verify
>>> report = verify(torch.nn.functional.conv2d, checks="certificate", dtypes="float64", cases=40)
>>> str(report.verdict), report.passed
('exact', True)

The names below are imported when they are first used: the pytest plugin and ``--help`` are
loaded by everybody, torch only by those who verify.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from conv_reference.verification.frameworks.contract import Framework
    from conv_reference.verification.model.case import Case, Layout, Values
    from conv_reference.verification.model.errors import TargetError
    from conv_reference.verification.model.result import (
        CheckResult,
        Coverage,
        Finding,
        Report,
        Verdict,
    )
    from conv_reference.verification.plan.request import Sweep
    from conv_reference.verification.runner import assert_correct, verify
    from conv_reference.verification.step.certificate import Certificate
    from conv_reference.verification.step.certify import certify
    from conv_reference.verification.target.conventions import as_target
    from conv_reference.verification.target.loading import load_target
    from conv_reference.verification.target.target import Target

__all__ = [
    "Case",
    "Certificate",
    "CheckResult",
    "Coverage",
    "Finding",
    "Framework",
    "Layout",
    "Report",
    "Sweep",
    "Target",
    "TargetError",
    "Values",
    "Verdict",
    "as_target",
    "assert_correct",
    "certify",
    "load_target",
    "verify",
]

_MODULES = {
    "frameworks.contract": ("Framework",),
    "model.case": ("Case", "Layout", "Values"),
    "target.conventions": ("as_target",),
    "target.loading": ("load_target",),
    "plan.request": ("Sweep",),
    "model.result": ("CheckResult", "Coverage", "Finding", "Report", "Verdict"),
    "runner": ("assert_correct", "verify"),
    "step.certificate": ("Certificate",),
    "step.certify": ("certify",),
    "model.errors": ("TargetError",),
    "target.target": ("Target",),
}


def __getattr__(name: str) -> Any:
    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
