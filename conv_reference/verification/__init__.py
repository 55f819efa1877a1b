"""Is this implementation of convolution right, and if not, where?

>>> import torch
>>> report = verify(torch.nn.functional.conv2d, dtypes=[torch.float64], seed=0)
>>> str(report.verdict), report.passed
('exact', True)
"""

from conv_reference.verification.result import CheckResult, Finding, Report, Verdict
from conv_reference.verification.runner import assert_correct, verify
from conv_reference.verification.target import TargetError, load_target

__all__ = [
    "CheckResult",
    "Finding",
    "Report",
    "TargetError",
    "Verdict",
    "assert_correct",
    "load_target",
    "verify",
]
